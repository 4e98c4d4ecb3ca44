#!/usr/bin/env python3
"""Makes the databases here with SQLite itself: run it in this directory. What they hold is what the test expects."""
import os, shutil, sqlite3

TABLE = """CREATE TABLE IF NOT EXISTS FILE_CHECKPOINTS(
  flow TEXT NOT NULL, path TEXT NOT NULL, fileId TEXT NOT NULL, lastModifiedTime BIGINT NOT NULL,
  size BIGINT NOT NULL, offset BIGINT NOT NULL, lastUpdated DATETIME NOT NULL, PRIMARY KEY (flow, path))"""
INSERT = "INSERT OR REPLACE INTO FILE_CHECKPOINTS VALUES(?,?,?,?,?,?,?)"


def row(i, pad=0):
    return ("kinesis:s:/var/log/app.log*", "/var/log/app-%05d%s.log" % (i, "x" * pad), "(dev=801,ino=%d)" % (i + 100),
            1700000000000 + i, i * 1000003, i * 999983, "2026-11-22 10:%02d:%02d" % (i // 60 % 60, i % 60))


def fresh(name, page=512, encoding="UTF-8", journal="delete"):
    for suffix in ("", "-wal", "-shm", "-journal"):
        if os.path.exists(name + suffix):
            os.remove(name + suffix)
    db = sqlite3.connect(name, isolation_level=None)
    db.execute("PRAGMA page_size=%d" % page)
    db.execute("PRAGMA encoding='%s'" % encoding)
    db.execute("PRAGMA journal_mode=" + journal)
    return db


db = fresh("small.db")  # one leaf
db.execute(TABLE)
for i in range(3):
    db.execute(INSERT, row(i))
db.close()

db = fresh("tree.db")  # interior pages, and pages that were freed
db.execute(TABLE)
db.execute("BEGIN")
for i in range(120):
    db.execute(INSERT, row(i))
db.execute("COMMIT")
db.execute("DELETE FROM FILE_CHECKPOINTS WHERE offset > 60 * 999983")
db.close()

db = fresh("overflow.db")  # records that need further pages
db.execute(TABLE)
for i in range(3):
    db.execute(INSERT, row(i, pad=700 * (i + 1)))
db.close()

db = fresh("utf16.db", encoding="UTF-16le")
db.execute(TABLE)
db.execute(INSERT, row(1))
db.close()

db = fresh("types.db")
db.execute("CREATE TABLE [of all] (id INTEGER PRIMARY KEY, a, \"b\" DECIMAL(10,2), `c` TEXT, UNIQUE(a))")
for i, v in enumerate([0, 1, -1, 127, -128, 32767, -8388608, 2147483647, -140737488355328, 2**63 - 1, -2**63]):
    db.execute("INSERT INTO [of all] VALUES(?,?,?,?)", (i - 2, v, i + 0.5, "v%d" % v))
db.execute("INSERT INTO [of all] VALUES(100,x'00ff',NULL,'')")
db.execute("ALTER TABLE [of all] ADD COLUMN late TEXT")
db.close()

db = fresh("rowidless.db")
db.execute("CREATE TABLE t(a TEXT PRIMARY KEY) WITHOUT ROWID")
db.close()

# A write-ahead log that was not taken over into the database: as a process leaves it that is killed.
db = fresh("live.db", journal="wal")
db.execute("PRAGMA wal_autocheckpoint=0")
db.execute(TABLE)
for i in range(4):
    db.execute(INSERT, row(i))
db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
db.execute(INSERT, row(7))
db.execute("UPDATE FILE_CHECKPOINTS SET offset = 42 WHERE path = ?", (row(2)[1],))
db.execute("DELETE FROM FILE_CHECKPOINTS WHERE path = ?", (row(0)[1],))
shutil.copy("live.db", "wal.db")
shutil.copy("live.db-wal", "wal.db-wal")
db.close()
for suffix in ("", "-wal", "-shm"):
    if os.path.exists("live.db" + suffix):
        os.remove("live.db" + suffix)
