"""Makes the test data of this folder with NumPy 2: python3 -m venv v && v/bin/pip install numpy && v/bin/python make.py

The files are what NumPy really writes and the tables what NumPy really answers, so the tests of this crate compare it
with NumPy and not with its author's memory of NumPy. Everything is made from fixed seeds: running it again changes
nothing. `python make.py 5000` makes a longer table of bounds, for a thorough check by hand.
"""

import random
import sys
import warnings
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
KINDS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64"]


def numbers(kind):
    """The values of the files of a kind: both ends of its range, and what lies around zero and around 2**53."""
    if kind.startswith("float"):
        info = np.finfo(kind)
        one = np.dtype(kind).type(1)
        some = [0.0, -0.0, 1.0, -1.0, 2.5, 4.0, 8.0, 0.1, 16777216.0, 16777218.0, 2.0**53, 1e30, float(info.max)]
        some += [-float(info.max), float(info.tiny), float(np.nextafter(one, 2 * one)), np.inf, -np.inf, np.nan]
        return np.array(some + [-np.nan], dtype=kind)
    low, high = int(np.iinfo(kind).min), int(np.iinfo(kind).max)
    some = {low, low + 1, high - 1, high, 0, 1, 4, 5, 8, 9, 100, -1, -7, -100, 2**31, 2**62}
    some |= {sign * 2**53 + by for sign in (-1, 1) for by in (-1, 0, 1, 2, 3)}
    some |= {2**63 + by for by in (-1025, -512, 0, 1, 1024, 2048)} | {2**64 - 1025, 2**64 - 2048, -(2**63) + 512}
    some = sorted(x for x in some if low <= x <= high)
    if len(some) % 2:
        some.remove(9)  # Two rows need an even number.
    return np.array(some, dtype=kind)


def save(name, array, version=None):
    with open(HERE / name, "wb") as file:
        np.lib.format.write_array(file, array, version=version)


def files():
    for kind in KINDS:
        array = numbers(kind).reshape(2, -1)
        for order in "<>":
            if order == ">" and array.itemsize == 1:
                continue
            ordered = array.astype(array.dtype.newbyteorder(order))
            name = f"{kind}-{'little' if order == '<' else 'big'}"
            save(f"{name}-rows.npy", ordered)
            save(f"{name}-columns.npy", np.asfortranarray(ordered))
    five = np.arange(5, dtype="<i4")
    save("version-2.npy", five, (2, 0))
    save("version-3.npy", five, (3, 0))
    save("truth.npy", np.array([[True, False, True]]))
    save("no-rows.npy", np.zeros((0, 5)))
    save("no-columns.npy", np.zeros((5, 0)))
    save("complex.npy", np.zeros(2, dtype="<c16"))
    save("half.npy", np.zeros(2, dtype="<f2"))
    save("text.npy", np.array(["a", "bc"]))
    save("record.npy", np.zeros(2, dtype=[("a", "<i8"), ("b", "<f4", (3,))]))
    save("scalar.npy", np.array(7))
    save("cube.npy", np.zeros((2, 1, 3), dtype="i1"))
    with open(HERE / "two-arrays.npy", "wb") as file:
        np.save(file, five)
        np.save(file, five + 1)
    with open(HERE / "numbers.txt", "w") as file:
        for kind in KINDS:
            print(kind, *(repr(x.item()) for x in numbers(kind)), file=file)


def bound(kind, dice):
    """The text of a bound: near a number of the kind, beside its range, or one of the odd ones."""
    near = dice.choice(numbers(kind).tolist())
    if near != near or near in (np.inf, -np.inf):
        near = 0
    choice = dice.randrange(10)
    if choice < 4:
        return str(int(near) + dice.choice([-1, 0, 0, 1]))
    if choice < 7:
        return repr(float(near) + dice.choice([0.0, 0.0, 0.5, -0.5]))
    if choice < 8:
        return repr(float(np.nextafter(float(near), dice.choice([-np.inf, np.inf]))))
    return dice.choice(
        "inf -inf nan 1e3 2.5 -1E2 .5 5. +4 -7 1e300 -1e300 1e39 36893488147419103232 -36893488147419103232 "
        "10000000000000000000000000000000000000000 -10000000000000000000000000000000000000000 "
        "9223372036854775807 9223372036854775808 18446744073709551615 18446744073709551616 9007199254740993 "
        "9007199254740993.0 1152921573326323713 1e-46 -0 -0.0".split()
    )


def python(text):
    try:
        return int(text)
    except ValueError:
        return float(text)


def bounds(cases):
    dice = random.Random(1)
    with open(HERE / "bounds.txt", "w") as file:
        print("# kind minimum maximum: bit i says whether number i of numbers.txt is in range (by NumPy)", file=file)
        for kind in KINDS:
            for _ in range(cases):
                low, high = bound(kind, dice), bound(kind, dice)
                if python(low) > python(high) and dice.randrange(8):
                    low, high = high, low
                if python(low) > python(high):
                    print(kind, low, high, "reversed", file=file)
                    continue
                array = numbers(kind)
                held = (array >= python(low)) & (array <= python(high))
                print(kind, low, high, hex(sum(1 << i for i, bit in enumerate(held.tolist()) if bit)), file=file)


def randoms():
    with open(HERE / "random.txt", "w") as file:
        print("# seed low high: the first four of 3000 numbers, and a sum of all, each weighed by its place", file=file)
        ranges = [(0, 10), (-5, 6), (0, 2), (7, 8), (0, 2**31), (0, 2**32 - 1), (0, 2**32), (0, 2**32 + 1)]
        ranges += [(-(2**40), 2**40 + 3), (-(2**63), 2**63 - 1), (0, 2**63 - 1), (-(2**63), -(2**63) + 5), (-1, 256)]
        for seed in [0, 1, 100, 5489, 2**31, 2**32 - 1]:
            for low, high in ranges:
                drawn = np.random.RandomState(seed).randint(low, high, size=3000, dtype="int64").tolist()
                weighed = sum((i + 1) * x for i, x in enumerate(drawn)) % 2**64
                print(seed, low, high, *drawn[:4], weighed, file=file)


def columnar():
    """Types that few tables have, and a way of packing that is not read; needs pyarrow."""
    import pyarrow as pa
    import pyarrow.feather as feather
    import pyarrow.parquet as parquet

    half = pa.array(np.array([5, 1.5, 9], dtype=np.float16))
    word = pa.array([7, 2, 7], pa.int64()).dictionary_encode()
    odd = pa.table({"half": half, "none": pa.nulls(3), "word": word, "n": pa.array([4, 4, None], pa.int32())})
    feather.write_feather(odd, str(HERE / "columnar/odd.arrow"), compression="uncompressed")
    parquet.write_table(pa.table({"n": [1, 5]}), HERE / "columnar/brotli.parquet", compression="brotli")


def answers():
    """What NumPy and Python's sets answer for normalize and common-items on these tables; needs pandas."""
    import pandas as pd

    table = pd.read_parquet(HERE / "columnar/snappy.parquet")
    values = table[["i8", "u16", "f32", "f64"]].to_numpy(float)
    least, most = np.nanmin(values, 1, keepdims=True), np.nanmax(values, 1, keepdims=True)
    with np.errstate(all="ignore"):
        scaled = np.where((least == most) & (values == values), 0.0, (values - least) / (most - least))
    with open(HERE / "columnar/scaled.txt", "w") as file:
        for row in scaled.tolist():
            print(*row, file=file)
    names = ["i8", "u16", "u64"]
    other = pd.DataFrame(np.random.default_rng(3).integers(-2, 12, (len(table), 3)), columns=names)
    other.to_csv(HERE / "columnar/other.csv", index=False)
    with open(HERE / "columnar/common.txt", "w") as file:
        for one, two in zip(table[names].to_numpy(float).tolist(), other.to_numpy().tolist()):
            common = sorted({int(x) for x in one if x == x} & set(two))
            print(str(common).replace(" ", ""), file=file)


warnings.simplefilter("ignore")  # Bounds beyond float32 become infinite, and NumPy says so.
bounds(int(sys.argv[1]) if len(sys.argv) > 1 else 24)
files()
randoms()
columnar()
answers()
