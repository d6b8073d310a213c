"""The plant: assays, thermodynamics, the dynamic crude unit, its simulator and economics."""
