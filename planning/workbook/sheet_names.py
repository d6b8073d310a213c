"""What sheets and columns are called, what is said about them, and which units they offer.

Only words stand here: a key without an entry gets a name from its path, and all units.
"""

ABOUT, LISTS = "About", "Lists"
OWN = "#"  # a planner's own sheets begin with it and are left aside
SOURCE = "Source"

FORMS = {"": "Case", "crude_unit": "CrudeUnit"}
"""Sheets of the keys at the top of a file, by first key."""

SHEET_NAMES = {
    "crude_unit.cuts": "Cuts",
    "profiles.points": "ProfilePoints",
    "purchases.qualities": "PurchaseQualities",
    "units.operating_cost.slopes": "CostSlopes",
    "units.products": "Yields",
    "units.products.yield.slopes": "YieldSlopes",
    "units.products.qualities": "Qualities",
    "units.products.qualities.amount": "Amounts",
    "units.modes": "Modes",
    "units.modes.feeds": "ModeFeeds",
    "units.modes.operating_cost.slopes": "ModeCostSlopes",
    "units.modes.products": "ModeYields",
    "units.modes.products.yield.slopes": "ModeYieldSlopes",
    "units.modes.products.qualities": "ModeQualities",
    "units.modes.products.qualities.amount": "ModeAmounts",
    "units.feeds": "Feeds",
    "units.feed_specs": "FeedSpecs",
    "products.components": "Blending",
    "products.recipe": "Recipes",
    "products.specs": "Specs",
    "limits.of": "LimitFlows",
    "cases.changes": "CaseChanges",
    "plants.changes": "PlantChanges",
    "plants.tanks.crudes": "PlantCrudeTanks",
    "plants.tanks.crudes.qualities": "PlantCrudeStocks",
    "plants.tanks.streams": "PlantStreamTanks",
    "plants.tanks.streams.qualities": "PlantStreamStocks",
    "plants.tanks.products": "PlantProductTanks",
    "plants.tanks.products.qualities": "PlantProductStocks",
    "tanks.crudes": "CrudeTanks",
    "tanks.crudes.qualities": "CrudeStocks",
    "tanks.streams": "StreamTanks",
    "tanks.streams.qualities": "StreamStocks",
    "tanks.products": "ProductTanks",
    "tanks.products.qualities": "ProductStocks",
    "periods.changes": "PeriodChanges",
}
"""Names of sheets by the keys that lead to them."""

KEY_WORDS = {
    "specs": "quality",
    "feed_specs": "quality",
    "slopes": "quality",
    "qualities": "quality",
    "amount": "of",
    "slate": "crude",
    "recipe": "component",
    "units.products": "stream",
    "units.modes.products": "stream",
    "limits.of": "flow",
    "supply": "crude",
    "changes": "key",
}
"""Headings of the columns that name items, by the key that holds them."""

SHEET_NOTES = {
    "Case": "Name of the case, prices of fuel and steam.",
    "CrudeUnit": "The atmospheric crude unit.",
    "Crudes": "Crudes on offer: one row each.",
    "Cuts": "Swing cuts of the crude unit from light to heavy; neighbours share a stream.",
    "Profiles": "Properties over the boiling point: units of temperatures and values.",
    "ProfilePoints": "The points of each profile, temperatures rising.",
    "Purchases": "Streams that may be bought ready.",
    "Units": "Process units: capacity, energy and cost per feed.",
    "Feeds": "Which unit may take which stream: put an x.",
    "CostSlopes": "How the operating cost of a unit changes with a quality of its feed.",
    "Yields": "What each unit makes: volume per volume of feed.",
    "YieldSlopes": "How a yield changes with a quality of the feed, from where it stands at 'at'.",
    "Qualities": "Qualities of what units make: fixed, or feed_times with plus, or see Amounts.",
    "Amounts": "What one m3 of feed puts into a product, by content of the feed or by volume.",
    "Modes": "Ways to run a unit.",
    "Products": "Products for sale: price and market.",
    "Blending": "Which component may go into which product: put an x.",
    "Recipes": "Fixed recipes: volume fraction of each component.",
    "Specs": "Specifications of products: min, max or both, each with its unit.",
    "Slate": "Volume fractions that the feed must have; leave empty to let the plan choose.",
    "Limits": "Limits on weighted sums of flows; the flows stand on LimitFlows.",
    "Alerts": "Ranges that are watched, not enforced.",
    "Cases": "Further cases: each changes its parent, or the case of this workbook.",
    "CaseChanges": "What a case changes: a dotted key such as crudes.maya.price, and set a new "
    "value, times a factor, plus a difference, or remove.",
    "PeriodChanges": "What a period changes in the case, by dotted keys as on CaseChanges.",
    "CrudeTanks": "Tanks of crude: opening stock, limits, and closing stock or its value.",
    "StreamTanks": "Tanks of streams; qualities of the opening stock stand on StreamStocks.",
    "ProductTanks": "Tanks of products.",
    "Periods": "Periods in order, each with its length.",
    "Transport": "Routes between plants.",
}
"""What a planner fills in, by name of the sheet."""

DIMENSIONS = {
    "price": "price by volume",
    "operating_cost": "price by volume",
    "operating_cost.base": "price by volume",
    "turndown": "volume flow",
    "capacity": "volume flow",
    "vacuum_cut": "temperature",
    "diesel_end": "temperature",
    "diesel_tail": "temperature difference",
    "flash_front": "temperature difference",
    "overlap": "temperature difference",
    "low": "temperature",
    "high": "temperature",
    "sulphur": "fraction",
    "tail_viscosity": "kinematic viscosity",
    "energy": "energy by volume",
    "steam": "density",
    "fuel_price": "price by energy",
    "steam_price": "price by mass",
    "length": "time",
    "cost": "price by volume",
}
"""Dimensions whose units a column offers, by the end of its key; other columns offer all units."""
