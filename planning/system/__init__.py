"""Several periods with stocks and several plants with transport, planned as one."""
