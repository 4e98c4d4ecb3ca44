#!/usr/bin/env python3
"""Stands in for the agent that is replaced: follows LOG through renames, appends each whole line to SENT, and keeps its position in the SQLite
database DB, in the table and form that agent has, committed after each batch. It ends between two batches on SIGTERM; JOURNAL is delete or wal, and with wal
it ends without closing the database, as a process does that is killed.

usage: other_agent.py LOG SENT DB FLOW JOURNAL"""
import datetime, os, signal, sqlite3, sys, time

log, sent, path, flow, journal = sys.argv[1:]
stopping = False


def stop(*_):
    global stopping
    stopping = True


signal.signal(signal.SIGTERM, stop)
db = sqlite3.connect(path)
db.execute("PRAGMA journal_mode=" + journal)
db.execute("PRAGMA wal_autocheckpoint=0")
db.execute("""CREATE TABLE IF NOT EXISTS FILE_CHECKPOINTS(flow TEXT NOT NULL, path TEXT NOT NULL, fileId TEXT NOT NULL, lastModifiedTime BIGINT,
    size BIGINT, offset BIGINT, lastUpdated DATETIME, PRIMARY KEY (flow, path))""")
out = open(sent, "ab")
f, offset = None, 0
while not stopping:
    if f is None:
        try:
            f, offset = open(log, "rb"), 0
        except FileNotFoundError:
            time.sleep(0.01)
            continue
    renamed = not os.path.exists(log) or os.stat(log).st_ino != os.fstat(f.fileno()).st_ino
    f.seek(offset)
    data = f.read(20000)
    data = data[: data.rfind(b"\n") + 1]
    if data:
        out.write(data)
        out.flush()
        offset += len(data)
    st = os.fstat(f.fileno())
    db.execute("INSERT OR REPLACE INTO FILE_CHECKPOINTS VALUES(?,?,?,?,?,?,?)",
               (flow, log, "(dev=%x,ino=%d)" % (st.st_dev, st.st_ino), st.st_mtime_ns // 1000000, st.st_size, offset,
                datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S.%f")))
    db.commit()
    if not data:
        if renamed:
            f.close()
            f = None
        time.sleep(0.01)
if journal == "wal":
    os._exit(0)
db.close()
