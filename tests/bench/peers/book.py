"""Events a second of hftbacktest over a file of its own events: replay alone, and with a quoting maker.

Usage: book.py FILE TICK LOT RUNS; FILE holds `event_dtype` records. Prints one JSON object, or `not installed: ...`.
Rates are per second of the thread's own time.
"""

import json
import sys
import time

try:
    import numpy as np
    from hftbacktest import GTX, LIMIT, BacktestAsset, ROIVectorMarketDepthBacktest
    from hftbacktest.types import event_dtype
    from numba import njit
except ImportError as error:
    print(f"not installed: {error.name}")
    sys.exit()


@njit
def replay(hbt):
    while True:
        code = hbt.elapse(100_000_000)
        if code != 0:
            return code


@njit
def quote(hbt, tick, lot):
    bid_id, ask_id, bid, ask, order_id = -1, -1, -1, -1, 0
    while True:
        code = hbt.elapse(100_000_000)
        if code != 0:
            return code
        hbt.clear_inactive_orders(0)
        depth = hbt.depth(0)
        middle = (depth.best_bid + depth.best_ask) / 2.0
        half = middle * 0.0001 / 1e4
        position = hbt.position(0)
        want_bid = min(int(np.floor((middle - half) / tick)), depth.best_bid_tick)
        want_ask = max(int(np.ceil((middle + half) / tick)), depth.best_ask_tick)
        orders = hbt.orders(0)
        if position > 5 * 10 * lot:
            want_bid = -1
        if position < -5 * 10 * lot:
            want_ask = -1
        if bid_id >= 0 and bid_id not in orders:
            bid_id, bid = -1, -1
        if ask_id >= 0 and ask_id not in orders:
            ask_id, ask = -1, -1
        if want_bid != bid:
            if bid_id >= 0 and orders.get(bid_id).cancellable:
                hbt.cancel(0, bid_id, False)
            bid_id, bid = -1, -1
            if want_bid > 0:
                order_id += 1
                hbt.submit_buy_order(0, order_id, want_bid * tick, 10 * lot, GTX, LIMIT, False)
                bid_id, bid = order_id, want_bid
        if want_ask != ask:
            if ask_id >= 0 and orders.get(ask_id).cancellable:
                hbt.cancel(0, ask_id, False)
            ask_id, ask = -1, -1
            if want_ask > 0:
                order_id += 1
                hbt.submit_sell_order(0, order_id, want_ask * tick, 10 * lot, GTX, LIMIT, False)
                ask_id, ask = order_id, want_ask


def venue(events, tick, lot):
    # Its partial fills end a run with an error when a partly filled order is cancelled; whole fills cost it less.
    prices = events["px"]
    asset = (
        BacktestAsset()
        .data([events])
        .linear_asset(1.0)
        .constant_order_latency(1_000_000, 1_000_000)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0002, 0.0005)
        .tick_size(tick)
        .lot_size(lot)
        .roi_lb(float(prices.min()) - tick)
        .roi_ub(float(prices.max()) + tick)
    )
    return ROIVectorMarketDepthBacktest([asset])


def rates(events, tick, lot, runs, quotes):
    found = []
    for run in range(runs + 1):
        hbt = venue(events, tick, lot)
        started = time.thread_time()
        code = quote(hbt, tick, lot) if quotes else replay(hbt)
        # 1 is the end of the data; anything else ended it early.
        assert code == 1, code
        if run > 0:
            found.append(len(events) / (time.thread_time() - started))
        hbt.close()
    return found


def main():
    path, tick, lot, runs = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    events = np.fromfile(path, dtype=event_dtype)
    print(json.dumps({"replay": rates(events, tick, lot, runs, False), "maker": rates(events, tick, lot, runs, True)}))


main()
