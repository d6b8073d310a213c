"""Why a cycle moved as it did, what its limits cost, and how good its predictions are."""
