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


def main():
    context = multiprocessing.get_context("fork")
    pool = None
    kept = {}
    for line in sys.stdin:
        command, argument = line.rstrip("\n").split(" ", 1)
        if command == "apply":
            if pool is None:
                pool = context.Pool(2)
            samples = []
            for number in range(int(argument)):
                begin = time.perf_counter()
                answer = pool.apply(plus_one, (number,))
                samples.append(time.perf_counter() - begin)
                assert answer == number + 1
            samples.sort()
            print(samples[len(samples) // 2] * 1e6, samples[len(samples) * 99 // 100] * 1e6)
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


if __name__ == "__main__":
    main()
