"""The other side of peers.rs.

peers.py write DIR    makes the files of tests/fixtures (needs pyarrow, pandas and polars)
peers.py read FILE    prints a table as pyarrow reads it: types, and the columns as JSON (needs pyarrow)
"""
import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 200


def table():
    rows = range(ROWS)
    return pa.table({
        "i64": pa.array([n * 1_000_003 - 5 for n in rows], pa.int64()),
        "i8": pa.array([n % 100 - 50 for n in rows], pa.int8()),
        "u64": pa.array([2**64 - 1 - n for n in rows], pa.uint64()),
        "u16": pa.array([60_000 + n for n in rows], pa.uint16()),
        "f64": pa.array([None if n % 5 == 0 else n / 7 for n in rows], pa.float64()),
        "f32": pa.array([n / 4 for n in rows], pa.float32()),
        "bool": pa.array([None if n % 11 == 0 else n % 3 == 0 for n in rows], pa.bool_()),
        "text": pa.array([None if n % 4 == 0 else f"text {n % 7}, café" for n in rows], pa.string()),
        "ns": pa.array([1_700_000_000_000_000_001 + n for n in rows], pa.timestamp("ns", "UTC")),
        "us": pa.array([1_700_000_000_000_001 + n for n in rows], pa.timestamp("us")),
        "ms": pa.array([1_700_000_000_001 + n for n in rows], pa.timestamp("ms")),
        "date": pa.array([19_000 + n for n in rows], pa.date32()),
        "list": pa.array([[n] for n in rows], pa.list_(pa.int64())),
        "decimal": pa.array([n for n in rows], pa.decimal128(18, 4)),
    })


def write(folder):
    import polars

    plain = table()
    pq.write_table(plain, f"{folder}/pyarrow.parquet", row_group_size=90)
    pq.write_table(plain, f"{folder}/pyarrow-gzip-2.parquet", compression="gzip", data_page_version="2.0")
    pq.write_table(plain, f"{folder}/pyarrow-plain.parquet", compression="none", use_dictionary=False)
    plain.to_pandas().to_parquet(f"{folder}/pandas.parquet")
    polars.from_arrow(plain).write_parquet(f"{folder}/polars.parquet")
    pq.write_table(plain.select(["i64"]), f"{folder}/lz4.parquet", compression="lz4")
    pq.write_table(
        plain.select(["i64"]), f"{folder}/delta.parquet", use_dictionary=False, column_encoding="DELTA_BINARY_PACKED"
    )


def read(path):
    found = pq.read_table(path)
    as_numbers = [
        column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in found.columns
    ]
    print(json.dumps({
        "types": [str(field.type) for field in found.schema],
        "nullable": [field.nullable for field in found.schema],
        "columns": [column.to_pylist() for column in as_numbers],
    }))


{"write": write, "read": read}[sys.argv[1]](sys.argv[2])
