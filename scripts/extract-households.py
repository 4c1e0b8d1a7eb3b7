#!/usr/bin/env python3
"""Makes demo/households.csv from The Complete Journey; needs polars, not a dependency of the project.

Usage: extract-households.py DATA OUT, where DATA is a folder with transactions.parquet, products.parquet and
demographics.parquet, and OUT the file to write.
"""

import sys
from pathlib import Path

import polars as pl

# Groceries lead in 92 % of the households, and so distinguish nobody; the others are no goods for a person.
NO_FAVOURITE = ["GROCERY", "FUEL", "MISCELLANEOUS", "COUPON"]


def baskets(transactions: pl.DataFrame) -> pl.DataFrame:
    """Number of baskets and spend of each household."""
    return transactions.group_by("household_id").agg(
        pl.col("basket_id").n_unique().alias("baskets"),
        pl.col("sales_value").sum().round(2).alias("spend"),
    )


def favourites(transactions: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    """The department in which each household paid most; of equal ones the first by name."""
    return (
        transactions.join(products.select("product_id", "department"), on="product_id")
        .filter(pl.col("department").is_not_null() & ~pl.col("department").is_in(NO_FAVOURITE))
        .group_by("household_id", "department")
        .agg(pl.col("sales_value").sum().round(2))
        .sort("household_id", "sales_value", "department", descending=[False, True, False])
        .group_by("household_id", maintain_order=True)
        .agg(pl.col("department").first().alias("favourite_department"))
    )


def extract(data: Path) -> pl.DataFrame:
    """A row for each household, ordered by its number."""
    transactions = pl.read_parquet(data / "transactions.parquet")
    products = pl.read_parquet(data / "products.parquet")
    demographics = pl.read_parquet(data / "demographics.parquet").select(
        "household_id",
        pl.col("age").alias("age_band"),
        pl.col("income").alias("income_band"),
        "household_size",
    )
    return (
        baskets(transactions)
        .join(demographics, on="household_id", how="left")
        .join(favourites(transactions, products), on="household_id", how="left")
        .select(
            pl.col("household_id").alias("household"),
            "age_band",
            "income_band",
            "household_size",
            "baskets",
            "spend",
            "favourite_department",
        )
        .sort("household")
    )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    extract(Path(sys.argv[1])).write_csv(sys.argv[2], float_precision=2)
