-- What is wanted: one row for each conversion that a person or the watcher asked for. What is done of it stands in
-- "conversion" and "bookmark", which belong to the output file.
CREATE TABLE job (
  id           INTEGER PRIMARY KEY,
  -- Absolute path of the model folder.
  model        TEXT    NOT NULL,
  -- Absolute path of the file to be made.
  output       TEXT    NOT NULL,
  recipe       TEXT    NOT NULL,
  mix          TEXT    NOT NULL,
  -- JSON of the answers that the folder leaves open (family, overrides, pre) and of force, threads, reclaim.
  options      TEXT    NOT NULL DEFAULT '{}' CHECK (json_valid(options)),
  origin       TEXT    NOT NULL CHECK (origin IN ('person', 'watcher')),
  -- Digest of what the folder held when the job was made; the watcher makes no second job for the same content.
  content      TEXT,
  -- Higher goes first; among equals the older.
  priority     INTEGER NOT NULL DEFAULT 0,
  -- docs/job-states.md draws the moves.
  state        TEXT    NOT NULL CHECK (state IN
                 ('waiting', 'queued', 'running', 'verifying', 'paused', 'done', 'failed', 'cancelled')),
  -- JSON {code, message, hint}: why it waits or failed.
  reason       TEXT    CHECK (reason IS NULL OR json_valid(reason)),
  -- Beginnings that ended in an error; a shutdown gives its beginning back.
  attempts     INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  -- A waiting job is looked at again from then on.
  not_before_ms INTEGER NOT NULL DEFAULT 0,
  -- Free disk (bytes) that a job waiting for disk needs.
  needs_disk   INTEGER,
  -- The daemon process that runs it. A lease that has run out, or of another process, is nobody's.
  lease        TEXT,
  lease_until_ms INTEGER,
  done_weights INTEGER NOT NULL DEFAULT 0,
  total_weights INTEGER NOT NULL DEFAULT 0,
  done_bytes   INTEGER NOT NULL DEFAULT 0,
  total_bytes  INTEGER NOT NULL DEFAULT 0,
  created_ms   INTEGER NOT NULL,
  started_ms   INTEGER,
  ended_ms     INTEGER,
  CHECK ((lease IS NULL) = (lease_until_ms IS NULL)),
  CHECK ((state IN ('running', 'verifying')) = (lease IS NOT NULL))
) STRICT;

CREATE INDEX job_turn ON job (state, priority DESC, id);
-- Two jobs may not fill the same file.
CREATE UNIQUE INDEX job_output ON job (output) WHERE state IN ('waiting', 'queued', 'running', 'verifying', 'paused');
CREATE INDEX job_content ON job (content, recipe) WHERE content IS NOT NULL;

-- One row for each tensor that a job has begun; written before the tensor's first slice is handed to a thread.
CREATE TABLE tensor_job (
  job          INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
  -- Position in the plan.
  tensor       INTEGER NOT NULL CHECK (tensor >= 0),
  name         TEXT    NOT NULL,
  slices       INTEGER NOT NULL CHECK (slices > 0),
  -- "running" while slices of it are in a thread's hands or may be; "done" only when all its slices are bookmarked.
  state        TEXT    NOT NULL CHECK (state IN ('running', 'stopped', 'done')),
  -- How often in a row the process died while this tensor was in work, without a further slice of it bookmarked.
  deaths       INTEGER NOT NULL DEFAULT 0 CHECK (deaths >= 0),
  -- How many of its slices were bookmarked at the last death.
  bookmarked   INTEGER NOT NULL DEFAULT 0 CHECK (bookmarked >= 0),
  started_ms   INTEGER NOT NULL,
  ended_ms     INTEGER,
  PRIMARY KEY (job, tensor)
) STRICT, WITHOUT ROWID;

-- What happened to a job, for people. Old events of ended jobs are pruned.
CREATE TABLE event (
  id           INTEGER PRIMARY KEY,
  job          INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
  at_ms        INTEGER NOT NULL,
  kind         TEXT    NOT NULL,
  detail       TEXT    NOT NULL DEFAULT '{}' CHECK (json_valid(detail))
) STRICT;

CREATE INDEX event_of_job ON event (job, id);

-- The plan of a conversion that deletes its sources as it goes: without them it could not be made again.
CREATE TABLE kept_plan (
  conversion     INTEGER PRIMARY KEY REFERENCES conversion (id) ON DELETE CASCADE,
  -- JSON of the plan but for its header.
  plan           TEXT NOT NULL CHECK (json_valid(plan)),
  header         BLOB NOT NULL,
  -- JSON, for the report.
  contradictions TEXT NOT NULL CHECK (json_valid(contradictions))
) STRICT;

-- A shard that was deleted as asked. Written before the deletion: after a crash the file may still be there.
CREATE TABLE reclaimed_shard (
  conversion   INTEGER NOT NULL REFERENCES conversion (id) ON DELETE CASCADE,
  -- Position in the plan's sources.
  source       INTEGER NOT NULL CHECK (source >= 0),
  path         TEXT    NOT NULL,
  size         INTEGER NOT NULL,
  at_ms        INTEGER NOT NULL,
  PRIMARY KEY (conversion, source)
) STRICT, WITHOUT ROWID;
