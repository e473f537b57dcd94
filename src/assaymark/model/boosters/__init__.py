"""Boosted trees: XGBoost, LightGBM and CatBoost, whose native loaders trust the counts and indices of the file."""
