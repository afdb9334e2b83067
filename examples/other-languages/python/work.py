import sys
from lock import lock

_, name, seconds = sys.argv
with lock("orders", name) as (fence, lost):
    print(f"has the lock, fence {fence}", flush=True)
    # The work: it stops when the lock is lost, and hands the fence to whoever stores what it writes.
    lost.wait(float(seconds))
    print("lost" if lost.is_set() else "done", flush=True)
