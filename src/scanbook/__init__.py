"""scanbook: five student assignments on medical images, run again properly."""
