"""What is known of the plant: judged readings, states, disturbances."""
