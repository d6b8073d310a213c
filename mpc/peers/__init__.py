"""The same problems solved by other tools: yardsticks for audits and benchmarks."""
