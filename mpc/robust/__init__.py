"""Control that knows how wrong its model may be: scenario trees and back-off from limits."""
