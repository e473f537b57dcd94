"""What is wrong with how packages are locked, beyond what a scan of one file can see."""
