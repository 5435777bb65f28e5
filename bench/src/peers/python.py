"""The Python side of the bench: reads a command a line, answers a line of numbers."""

import multiprocessing
import sys
import time


def plus_one(number):
    return number + 1


def howmany_within_range(row, minimum, maximum):
    count = 0
    for number in row:
        if minimum <= number <= maximum:
            count = count + 1
    return count


def table(rows):
    return [[(31 * row + 17 * column + (row >> 3)) % 10 for column in range(5)] for row in range(rows)]


def count_row(argument):
    return howmany_within_range(*argument)


class Futures:
    """concurrent.futures.ProcessPoolExecutor, chunks of 4096."""

    def __init__(self):
        import concurrent.futures

        context = multiprocessing.get_context("fork")
        self.pool = concurrent.futures.ProcessPoolExecutor(2, mp_context=context)

    def apply(self, function, argument):
        return self.pool.submit(function, argument).result()

    def map(self, function, arguments):
        return list(self.pool.map(function, arguments, chunksize=4096))

    def close(self):
        self.pool.shutdown()


class Joblib:
    """joblib with its own pool, loky."""

    def __init__(self):
        import joblib

        self.delayed = joblib.delayed
        self.pool = joblib.Parallel(n_jobs=2)
        self.pool.__enter__()

    def apply(self, function, argument):
        return self.pool([self.delayed(function)(argument)])[0]

    def map(self, function, arguments):
        return self.pool(self.delayed(function)(argument) for argument in arguments)

    def close(self):
        self.pool.__exit__(None, None, None)


class Mpire:
    """mpire's WorkerPool."""

    def __init__(self):
        import mpire

        self.pool = mpire.WorkerPool(n_jobs=2)

    def apply(self, function, argument):
        return self.pool.apply(function, (argument,))

    def map(self, function, arguments):
        return self.pool.map(function, [(argument,) for argument in arguments])

    def close(self):
        self.pool.stop_and_join()


class Pebble:
    """Pebble's ProcessPool, chunks of 4096."""

    def __init__(self):
        import pebble

        context = multiprocessing.get_context("fork")
        self.pool = pebble.ProcessPool(max_workers=2, context=context)

    def apply(self, function, argument):
        return self.pool.schedule(function, args=(argument,)).result()

    def map(self, function, arguments):
        return list(self.pool.map(function, arguments, chunksize=4096).result())

    def close(self):
        self.pool.close()
        self.pool.join()


PEERS = {"futures": Futures, "joblib": Joblib, "mpire": Mpire, "pebble": Pebble}


def latencies(apply, count):
    samples = []
    for number in range(count):
        begin = time.perf_counter()
        answer = apply(plus_one, number)
        samples.append(time.perf_counter() - begin)
        assert answer == number + 1
    samples.sort()
    return samples[len(samples) // 2] * 1e6, samples[len(samples) * 99 // 100] * 1e6


def main():
    context = multiprocessing.get_context("fork")
    pool = None
    peer = None
    kept = {}
    for line in sys.stdin:
        command, argument = line.rstrip("\n").split(" ", 1)
        if command == "apply":
            if pool is None:
                pool = context.Pool(2)
            print(*latencies(lambda function, number: pool.apply(function, (number,)), int(argument)))
        elif command == "apply-by":
            name, count = argument.split(" ")
            if peer is None:
                peer = PEERS[name]()
            print(*latencies(peer.apply, int(count)))
        elif command == "starmap-by":
            name, rows = argument.split(" ")
            if rows not in kept:
                kept[rows] = table(int(rows))
            data = kept[rows]
            begin = time.perf_counter()
            own = PEERS[name]()
            counts = own.map(count_row, [(row, 4, 8) for row in data])
            own.close()
            took = time.perf_counter() - begin
            assert sum(counts) == sum(howmany_within_range(row, 4, 8) for row in data)
            print(took * 1e3, sum(counts))
        elif command == "starmap":
            rows = int(argument)
            if rows not in kept:
                kept[rows] = table(rows)
            data = kept[rows]
            begin = time.perf_counter()
            own = context.Pool(2)
            counts = own.starmap(howmany_within_range, [(row, 4, 8) for row in data])
            own.close()
            own.join()
            took = time.perf_counter() - begin
            print(took * 1e3, sum(counts))
        elif command == "numpy":
            import numpy

            if argument not in kept:
                kept[argument] = numpy.load(argument)
            data = kept[argument]
            begin = time.perf_counter()
            counts = ((data >= 4) & (data <= 8)).sum(axis=1)
            took = time.perf_counter() - begin
            print(took * 1e3, int(counts.sum()))
        elif command == "forget":
            kept.clear()
            print(0)
        sys.stdout.flush()
    if peer is not None:
        peer.close()


if __name__ == "__main__":
    main()
