"""The Python side of the bench: reads a command a line, answers a line of numbers."""

import multiprocessing
import os
import signal
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


def count_block(block):
    return ((block >= 4) & (block <= 8)).sum(axis=1, dtype="uint8")


def meet():
    barrier.wait()


class Plain:
    """multiprocessing.Pool."""

    def __init__(self, workers=2, start=None):
        self.pool = multiprocessing.get_context("fork").Pool(workers, start)

    def map(self, function, arguments):
        return self.pool.map(function, arguments)

    def map_blocks(self, function, blocks):
        return self.pool.map(function, blocks, chunksize=1)

    def outstanding(self, count):
        return [one.get() for one in [self.pool.apply_async(plus_one, (number,)) for number in range(count)]]

    def close(self):
        self.pool.close()
        self.pool.join()


class Futures:
    """concurrent.futures.ProcessPoolExecutor, chunks of 4096."""

    def __init__(self, workers=2, start=None):
        import concurrent.futures

        self.workers = workers
        context = multiprocessing.get_context("fork")
        self.pool = concurrent.futures.ProcessPoolExecutor(workers, mp_context=context, initializer=start)
        if start is not None:
            # It starts its workers with the first task.
            self.pool.submit(os.getpid)

    def map_blocks(self, function, blocks):
        return list(self.pool.map(function, blocks))

    def outstanding(self, count):
        return [one.result() for one in [self.pool.submit(plus_one, number) for number in range(count)]]

    def after_a_death(self):
        """A pool that lost a worker is broken for good: what its user can do is to make another."""
        from concurrent.futures.process import BrokenProcessPool

        while True:
            try:
                return self.pool.submit(os.getpid).result()
            except BrokenProcessPool:
                self.pool.shutdown(wait=False)
                self.__init__(self.workers)

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


class Loky:
    """The executor below joblib: joblib itself looks for the end of its jobs each 10 ms only."""

    def __init__(self):
        from joblib.externals import loky

        self.pool = loky.get_reusable_executor(max_workers=2)

    def apply(self, function, argument):
        return self.pool.submit(function, argument).result()

    def close(self):
        self.pool.shutdown()


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

    def __init__(self, workers=2):
        import pebble

        context = multiprocessing.get_context("fork")
        self.pool = pebble.ProcessPool(max_workers=workers, context=context)

    def after_a_death(self):
        """The task that meets the death fails, or the pool is broken if no worker is left: then its user makes another."""
        from concurrent.futures.process import BrokenProcessPool

        import pebble

        while True:
            try:
                return self.pool.schedule(os.getpid).result()
            except pebble.ProcessExpired:
                pass
            except (BrokenProcessPool, RuntimeError):
                self.__init__(1)

    def apply(self, function, argument):
        return self.pool.schedule(function, args=(argument,)).result()

    def map(self, function, arguments):
        return list(self.pool.map(function, arguments, chunksize=4096).result())

    def close(self):
        self.pool.close()
        self.pool.join()


PEERS = {"pool": Plain, "futures": Futures, "joblib": Joblib, "loky": Loky, "mpire": Mpire, "pebble": Pebble}


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
        elif command == "map-by":
            name, count = argument.split(" ")
            if peer is None:
                peer = PEERS[name]()
                peer.map(plus_one, range(10_000))
            begin = time.perf_counter()
            answers = peer.map(plus_one, range(int(count)))
            took = time.perf_counter() - begin
            print(took, sum(answers))
        elif command == "outstanding-by":
            name, count = argument.split(" ")
            if peer is None:
                peer = PEERS[name]()
            begin = time.perf_counter()
            answers = peer.outstanding(int(count))
            took = time.perf_counter() - begin
            print(took, sum(answers))
        elif command == "blocks-by":
            import numpy

            name, rows, block = argument.split(" ")
            if peer is None:
                peer = PEERS[name]()
                data = numpy.array(table(int(rows)))
                kept[rows] = [data[at : at + int(block)] for at in range(0, len(data), int(block))]
            begin = time.perf_counter()
            counts = peer.map_blocks(count_block, kept[rows])
            took = time.perf_counter() - begin
            print(took, sum(int(block.sum()) for block in counts))
        elif command == "ready-by":
            global barrier
            name, workers = argument.split(" ")
            barrier = multiprocessing.get_context("fork").Barrier(int(workers) + 1)
            begin = time.perf_counter()
            own = PEERS[name](int(workers), meet)
            barrier.wait()
            took = time.perf_counter() - begin
            own.close()
            print(took * 1e3)
        elif command == "death-by":
            if peer is None:
                peer = PEERS[argument](1)
            before = peer.after_a_death()
            begin = time.perf_counter()
            os.kill(before, signal.SIGKILL)
            while peer.after_a_death() == before:
                pass
            print((time.perf_counter() - begin) * 1e3)
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
