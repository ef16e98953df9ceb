"""What peers do with the same bars. Usage: sweep.py TASK BARS.csv; prints one number, or `not installed: ...`.

vectorbt      configuration-bars a second of one core: two averages cross, a stop in ranges, long and short, fees
backtesting   bars a second of the same, one configuration
optuna-N      seconds of TPE (multivariate) for a trial after N finished ones
"""
import os

# One core: numba and numpy look at these when they are imported.
os.environ.update(TQDM_DISABLE="1", NUMBA_NUM_THREADS="1", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import random
import sys
import time
import warnings

warnings.filterwarnings("ignore")
task, path = sys.argv[1], sys.argv[2]


def bars():
    import pandas

    names = ["Open", "High", "Low", "Close", "Volume"]
    frame = pandas.read_csv(path, names=names, dtype=float)
    frame.index = pandas.date_range("2024-01-01", periods=len(frame), freq="min")
    return frame


def average_range(frame, period):
    import pandas

    before = frame.Close.shift()
    parts = [frame.High - frame.Low, (frame.High - before).abs(), (frame.Low - before).abs()]
    return pandas.concat(parts, axis=1).max(axis=1).ewm(alpha=1 / period, adjust=False).mean()


def vectorbt():
    import numpy
    import vectorbt as vbt

    frame = bars()
    count = 20
    fast = [random.randint(5, 60) for _ in range(count)]
    slow = [a + random.randint(5, 190) for a in fast]
    ranges = [random.randint(7, 30) for _ in range(count)]
    stops = [random.uniform(1, 6) for _ in range(count)]

    def once():
        averages = [(frame.Close.ewm(span=a, adjust=False).mean(), frame.Close.ewm(span=b, adjust=False).mean()) for a, b in zip(fast, slow)]
        above = numpy.column_stack([(a > b).to_numpy() for a, b in averages])
        before = numpy.vstack([above[:1], above[:-1]])
        up, down = above & ~before, ~above & before
        stop = numpy.column_stack([(average_range(frame, n) / frame.Close * k).to_numpy() for n, k in zip(ranges, stops)])
        portfolio = vbt.Portfolio.from_signals(
            frame.Close, entries=up, short_entries=down,
            open=frame.Open, high=frame.High, low=frame.Low, sl_stop=stop, fees=0.0005, freq="1min",
        )
        return portfolio.total_return()

    once()  # compiles
    begin = time.process_time()
    once()
    return count * len(frame) / (time.process_time() - begin)


def backtesting():
    from backtesting import Backtest, Strategy

    frame = bars().head(20_000)

    class Cross(Strategy):
        def init(self):
            close = self.data.Close.s
            self.fast = self.I(lambda: close.ewm(span=12, adjust=False).mean())
            self.slow = self.I(lambda: close.ewm(span=26, adjust=False).mean())
            self.range = self.I(lambda: average_range(self.data.df, 14))

        def next(self):
            if self.fast[-2] <= self.slow[-2] and self.fast[-1] > self.slow[-1]:
                self.position.close()
                self.buy(sl=self.data.Close[-1] - 2 * self.range[-1])
            elif self.fast[-2] >= self.slow[-2] and self.fast[-1] < self.slow[-1]:
                self.position.close()
                self.sell(sl=self.data.Close[-1] + 2 * self.range[-1])

    test = Backtest(frame, Cross, cash=1e9, commission=0.0005)
    begin = time.process_time()
    test.run()
    return len(frame) / (time.process_time() - begin)


def optuna(finished):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    names = [f"x{i}" for i in range(10)]
    space = {name: optuna.distributions.FloatDistribution(-5, 5) for name in names}
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(multivariate=True, seed=1))
    for _ in range(finished):
        point = {name: random.uniform(-5, 5) for name in names}
        value = sum(x * x for x in point.values())
        study.add_trial(optuna.trial.create_trial(params=point, distributions=space, value=value))
    proposals = 10
    begin = time.process_time()
    for _ in range(proposals):
        study.ask(space)
    return (time.process_time() - begin) / proposals


random.seed(1)
try:
    if task.startswith("optuna-"):
        print(optuna(int(task.removeprefix("optuna-"))))
    else:
        print({"vectorbt": vectorbt, "backtesting": backtesting}[task]())
except ImportError as error:
    print(f"not installed: {error}")
