//! The numbers of every command and format held against those of pandas and NumPy, where a Python with them is there. Where none is,
//! the golden answers of the other tests stand for it.

use std::fs;

use crate::common::files::folder;
use crate::common::program::mpexec;
use crate::common::python::Python;

const WORKER: &str = env!("CARGO_BIN_EXE_task-worker");

/// Tables of whole numbers, of numbers with a point of which some are missing, and of texts, in every format; and the answers.
const MAKE: &str = r#"
import gzip, json, os
import numpy as np, pandas as pd, pyarrow as pa, pyarrow.feather as feather

rng = np.random.default_rng(7)
rows = 4_000
whole = pd.DataFrame(rng.integers(-5, 15, (rows, 4)), columns=list("abcd"))
mixed = pd.DataFrame({
    "i": rng.integers(-10**17, 10**17, rows),
    "x": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(5, 3, rows)),
    "w": np.exp(rng.normal(0, 100, rows)) * np.sign(rng.normal(size=rows)),
    "z": rng.choice([0.0, -0.0, 4.0, 8.0, 0.1, np.nan], rows),
})
# JSON has no infinity.
infinite = pd.DataFrame({"x": rng.normal(5, 3, rows), "z": rng.choice([np.inf, -np.inf, 4.0, 1e308, np.nan], rows)})
# Numbers close together and far from zero.
far = pd.DataFrame({
    "large": 2**62 + np.arange(rows), "nanos": 17 * 10**17 + rng.integers(0, 200_000, rows),
    "floats": 1e15 + rng.random(rows), "near": 1e8 + rng.random(rows) * 1e-3, "same": np.full(rows, 0.1),
})
# Some columns of numbers, and the last of texts.
items = [pd.DataFrame(rng.integers(0, 12, (rows // 4, len(names))), columns=list(names)) for names in ("pqr", "stuvw")]
for frame in items:
    frame[frame.columns[-1]] = frame[frame.columns[-1]].astype(str) + "x"

def packed(how, text, name):
    with pa.CompressedOutputStream(name, how) as out:
        out.write(text.encode())

def write(frame, name):
    text = frame.to_csv(index=False)
    lines = "".join(json.dumps([None if value != value else value for value in row]) + "\n"
                    for row in frame.itertuples(index=False))
    open(name + ".csv", "w").write(text)
    frame.to_csv(name + ".tsv", index=False, sep="\t", lineterminator="\r\n", na_rep="NaN")
    frame.to_csv(name + ".quoted", index=False, header=False, sep=";", quoting=1)
    packed("gzip", text, name + ".csv.gz")
    packed("zstd", text, name + ".csv.zst")
    open(name + ".jsonl", "w").write(lines)
    packed("gzip", lines, name + ".jsonl.gz")
    frame.to_parquet(name + ".parquet", row_group_size=1_500)
    feather.write_feather(pa.Table.from_pandas(frame), name + ".arrow", compression="uncompressed", chunksize=1_500)
    feather.write_feather(pa.Table.from_pandas(frame), name + ".lz4.arrow", compression="lz4")

write(whole, "whole"); write(mixed, "mixed"); write(infinite, "infinite"); write(far, "far"); write(items[0], "one"); write(items[1], "two")
np.save("whole.npy", whole.to_numpy())
# One table in several files, of one format in a folder and of three side by side.
os.mkdir("several")
for third, ending in enumerate(["csv.gz", "jsonl", "parquet"]):
    part = whole.iloc[third * 1_500:(third + 1) * 1_500]
    write(part, f"third{third}")
    part.to_parquet(f"several/{third}.parquet", row_group_size=400)
np.save("columns.npy", np.asfortranarray(whole.to_numpy()))
np.save("mixed.npy", mixed.to_numpy().astype(">f8"))
for kind in "bool int8 int16 int32 uint8 uint16 uint32 uint64 float32 float64".split():
    np.save(f"kind.{kind}.npy", np.abs(whole.to_numpy()).astype(kind))
np.save("vector.npy", whole["a"].to_numpy())
# Dates, times and durations, of which some are missing.
seconds = rng.integers(0, 10**9, rows)
times = pd.DataFrame({
    "day": pd.Series(seconds // 86_400).astype("datetime64[s]").where(rng.random(rows) < 0.9),
    "second": pd.Series(seconds).astype("datetime64[s]"),
    "nano": pd.Series(seconds * 10**9 + rng.integers(0, 10**9, rows)).astype("datetime64[ns]"),
    "zoned": pd.Series(seconds).astype("datetime64[us]").dt.tz_localize("UTC"),
    "span": pd.Series((seconds - 10**8) * 1000).astype("timedelta64[ms]"),
    "n": rng.integers(0, 9, rows),
})
times.to_parquet("times.parquet", row_group_size=1_500)
feather.write_feather(pa.Table.from_pandas(times), "times.arrow", compression="lz4", chunksize=1_500)
"#;

/// What the commands have written.
const LOOK: &str = r#"
import json, math, pathlib
from fractions import Fraction
import numpy as np, pandas as pd, pyarrow as pa

def source(name):
    if name.endswith(".npy"):
        return pd.DataFrame(np.load(name).astype(np.load(name).dtype.newbyteorder("=")))
    frame = pd.read_parquet(("whole" if name.startswith("several") else name.split(".")[0]) + ".parquet")
    return frame

def same(found, wanted, what):
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape and ((found == wanted) | ((found != found) & (wanted != wanted))).all(), what

def scaled(values):
    values = values.astype(float)
    with np.errstate(all="ignore"):
        least, most = np.nanmin(values, 1, keepdims=True), np.nanmax(values, 1, keepdims=True)
        done = (values - least) / (most - least)
    return np.where((least == most) & (values == values), 0.0, done)

looked = 0
for path in sorted(pathlib.Path(".").glob("counts@*")):
    name = path.name.split("@")[1]
    values = source(name).to_numpy(dtype=object)
    with np.errstate(all="ignore"):
        wanted = ((values >= 4) & (values <= 8)).sum(1)
    counts = {"npy": np.load, "csv": lambda p: pd.read_csv(p)["count"], "parquet": lambda p: pd.read_parquet(p)["count"],
              "arrow": lambda p: pd.read_feather(p)["count"], "jsonl": lambda p: pd.read_json(p, lines=True)["count"],
              "gz": lambda p: pd.read_csv(p)["count"]}[path.name.rsplit(".", 1)[1]](path)
    same(counts, wanted, path); looked += 1
for path in sorted(pathlib.Path(".").glob("scaled@*")):
    name = path.name.split("@")[1]
    found = np.load(path) if path.suffix == ".npy" else pd.read_parquet(path).to_numpy()
    same(found, scaled(source(name).to_numpy()), path); looked += 1
for path in sorted(pathlib.Path(".").glob("columns@*")):
    wanted = scaled(source(path.name.split("@")[1]).to_numpy().T).T
    same(pd.read_parquet(path).to_numpy(), wanted, path); looked += 1
for path in sorted(pathlib.Path(".").glob("described@*")):
    frame = source(path.name.split("@")[1])
    with np.errstate(all="ignore"):
        wanted = frame.describe()
    found = pd.read_parquet(path).set_index("statistic")
    if "jsonl" in path.name or "npy" in path.name:
        # Rows without names.
        found.columns = wanted.columns
    if path.name.startswith("described@mixed") and "npy" not in path.name:
        # pandas rounds large whole numbers before it looks for what is between them.
        wholes = sorted(int(value) for value in frame["i"])
        def quartile(quarter):
            at, part = divmod((len(wholes) - 1) * quarter, 4)
            return float(Fraction(wholes[at] * (4 - part) + wholes[min(at + 1, len(wholes) - 1)] * part, 4))
        for quarter, row in enumerate(["25%", "50%", "75%"], 1):
            assert abs(wanted.loc[row, "i"] - quartile(quarter)) <= 64, path
            wanted.loc[row, "i"] = quartile(quarter)
    if path.name.startswith("described@infinite"):
        # Between two equal infinities pandas finds none.
        found, wanted = (table.drop(["25%", "50%", "75%"]) for table in (found, wanted))
    if path.name.startswith("described@far"):
        # pandas calculates with a rounded mean.
        for name in frame:
            values = [Fraction(value) for value in frame[name].tolist()]
            mean = sum(values) / len(values)
            square = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
            assert found.loc["mean", name] == float(mean), (path, name)
            std = Fraction(math.isqrt(int(square * 4**300)), 2**300)
            assert abs(Fraction(found.loc["std", name]) - std) <= std * Fraction(1.7e-16), (path, name, found.loc["std", name], float(std))
            wanted.loc[["mean", "std"], name] = found.loc[["mean", "std"], name]
            for row in ["25%", "50%", "75%"]:
                assert abs(wanted.loc[row, name] - found.loc[row, name]) <= abs(wanted.loc[row, name]) * 4e-7, (path, name)
                wanted.loc[row, name] = found.loc[row, name]
    # Squares beyond float64 make pandas' std infinite, where the deviation itself is a number.
    for name in wanted.columns:
        if wanted.loc["std", name] == np.inf:
            values = [Fraction(value) for value in frame[name].dropna().tolist()]
            middle = sum(values) / len(values)
            squares = sum((value - middle) ** 2 for value in values) / (len(values) - 1)
            wanted.loc["std", name] = float(math.isqrt(squares.numerator // squares.denominator))
    pd.testing.assert_frame_equal(found, wanted, rtol=1e-12, atol=0, check_names=False)
    exact = [row for row in wanted.index if row not in ("mean", "std")]
    same(found.loc[exact], wanted.loc[exact], path); looked += 1
for path in sorted(pathlib.Path(".").glob("timed@*")):
    found, frame = pd.read_csv(path, index_col="statistic"), pd.read_feather("times.arrow")
    for name in frame.columns:
        wanted = frame[name].describe()
        span, number = name == "span", name == "n"
        assert int(float(found.loc["count", name])) == int(wanted["count"]), (path, name)
        for row in wanted.index.drop("count"):
            told = found.loc[row, name]
            if number:
                assert abs(float(told) - wanted[row]) < 1e-9, (path, name, row)
            else:
                told = pd.to_timedelta(told) if span else pd.Timestamp(told)
                # pandas calculates with float64, and cuts off what its unit has not.
                apart = abs((told - wanted[row]).total_seconds())
                exact = row in ("min", "max")
                assert apart == 0 if exact else apart < (2 if name in ("day", "second") else 2e-3), (path, name, row, told, wanted[row])
        if not span and not number:
            assert found.loc["std", name] != found.loc["std", name], (path, name)
    looked += 1
for path in sorted(pathlib.Path(".").glob("common@*")):
    def key(text):
        try:
            return (0, float(text), "")
        except ValueError:
            return (1, 0.0, text)
    one, two = (source(name).astype(str).to_numpy() for name in ("one.csv", "two.csv"))
    for line, a, b in zip(path.read_text().splitlines(), one, two, strict=True):
        wanted = sorted(set(a) & set(b), key=key)
        assert [str(item) for item in json.loads(line)] == wanted, (path, line, wanted)
    looked += 1
for path in sorted(pathlib.Path(".").glob("mapped@*")):
    frame = source(path.name.split("@")[1])
    found = [json.loads(line)["ok"] for line in path.read_text().splitlines()]
    if frame.shape[1] == 4:
        same(found, ((frame.to_numpy() >= 4) & (frame.to_numpy() <= 8)).sum(1), path)
    looked += 1
print(looked)
"#;

/// The endings under which a table is there, but for arrays.
const TEXTS: [&str; 7] = ["csv", "tsv", "quoted", "csv.gz", "csv.zst", "jsonl", "jsonl.gz"];
const COLUMNAR: [&str; 3] = ["parquet", "arrow", "lz4.arrow"];

#[test]
fn every_command_gives_the_numbers_of_pandas_and_numpy_for_every_format() {
    let folder = folder();
    let Some(python) = Python::with_tables(folder.path()) else { return };
    python.good(MAKE);
    let mut asked = 0;
    let mut run = |words: &[&str]| {
        let done = mpexec(words.iter().copied()).args(["--workers", "2"]).in_folder(folder.path()).run();
        assert_eq!((done.code(), done.stderr.as_str()), (0, ""), "{words:?}");
        asked += 1;
        done.text().to_owned()
    };
    let outputs = ["npy", "csv", "parquet", "arrow", "jsonl", "csv.gz"];
    let mut output = outputs.iter().cycle();
    let mut arrays: Vec<_> = ["whole.npy", "columns.npy", "mixed.npy", "vector.npy"].map(str::to_owned).to_vec();
    let kinds = ["bool", "int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64", "float32", "float64"];
    arrays.extend(kinds.map(|kind| format!("kind.{kind}.npy")));
    let tables = ["whole", "mixed"].iter().flat_map(|name| {
        let endings = TEXTS.iter().chain(&COLUMNAR);
        endings.map(move |ending| format!("{name}.{ending}"))
    });
    let infinite = ["csv", "quoted", "tsv", "csv.gz", "parquet", "arrow"].map(|ending| format!("infinite.{ending}"));
    for name in arrays.iter().cloned().chain(tables).chain(infinite) {
        let ending = output.next().expect("it goes round");
        run(&["count-range", &name, "--output", &format!("counts@{name}@.{ending}")]);
        run(&["normalize", &name, "--output", &format!("scaled@{name}@.npy")]);
    }
    for name in ["whole", "mixed", "infinite"] {
        for ending in ["csv", "tsv", "csv.gz", "csv.zst", "parquet", "arrow", "lz4.arrow", "npy", "jsonl"] {
            let name = format!("{name}.{ending}");
            if !folder.path().join(&name).exists() || name == "infinite.jsonl" {
                continue;
            }
            run(&["frame", &name, "--task", "describe", "-o", &format!("described@{name}@.parquet")]);
            run(&[
                "frame",
                &name,
                "--task",
                "normalize",
                "--by",
                "rows",
                "-o",
                &format!("scaled@{name}@frame.parquet"),
            ]);
            run(&["frame", &name, "--task", "normalize", "--by", "columns", "-o", &format!("columns@{name}@.parquet")]);
        }
    }
    for ending in ["csv", "jsonl", "csv.gz", "parquet", "arrow", "lz4.arrow"] {
        let name = format!("far.{ending}");
        run(&["frame", &name, "--task", "describe", "-o", &format!("described@{name}@.parquet")]);
    }
    let thirds = ["third0.csv.gz", "third1.csv", "third2.parquet"];
    let alike = ["third0.arrow", "third1.parquet", "third2.csv"];
    for (name, files) in [("several-files", &thirds[..]), ("several-folder", &["several"]), ("several-alike", &alike)] {
        let mut run = |before: &[&str], after: &[&str]| run(&[before, files, after].concat());
        run(&["count-range"], &["--output", &format!("counts@{name}@.parquet")]);
        run(&["normalize"], &["--output", &format!("scaled@{name}@.npy")]);
        run(&["frame"], &["--task", "describe", "-o", &format!("described@{name}@.parquet")]);
        run(&["frame"], &["--task", "normalize", "--by", "rows", "-o", &format!("scaled@{name}@frame.parquet")]);
        let with = ["--with", "minimum=4", "--with", "maximum=8", "--worker-program", WORKER];
        let output = format!("mapped@{name}@.jsonl");
        run(&["map", "howmany_within_range"], &[&["-o", &output][..], &with].concat());
    }
    for ending in ["parquet", "arrow"] {
        run(&["frame", &format!("times.{ending}"), "--task", "describe", "-o", &format!("timed@{ending}@.csv")]);
    }
    for one in TEXTS.iter().chain(&COLUMNAR) {
        for two in ["csv", "jsonl", "parquet"] {
            let names = [format!("one.{one}"), format!("two.{two}")];
            let output = format!("common@{one}@{two}.jsonl");
            run(&["common-items", &names[0], &names[1], "-o", &output]);
        }
    }
    for name in ["whole.npy", "whole.csv", "whole.tsv", "whole.csv.gz", "whole.csv.zst", "whole.parquet", "whole.arrow"]
    {
        let with = ["--with", "minimum=4", "--with", "maximum=8", "--worker-program", WORKER];
        let words = ["map", "howmany_within_range", name, "-o", &format!("mapped@{name}@.jsonl")];
        run(&[&words[..], &with[..]].concat());
    }
    assert_eq!(python.good(LOOK), asked.to_string());
    assert!(fs::read_dir(folder.path()).is_ok_and(|names| names.count() > asked));
}
