-- One row for each output file that was ever begun with this state directory.
CREATE TABLE conversion (
  id          INTEGER PRIMARY KEY,
  -- Absolute path the finished file will have.
  output      TEXT    NOT NULL UNIQUE,
  model       TEXT    NOT NULL,
  recipe      TEXT    NOT NULL,
  mix         TEXT    NOT NULL,
  fingerprint TEXT    NOT NULL,
  -- JSON of the plan's sources, kept to say what changed when the fingerprint no longer fits.
  sources     TEXT    NOT NULL CHECK (json_valid(sources)),
  size        INTEGER NOT NULL CHECK (size > 0),
  -- docs/job-states.md draws the moves.
  state       TEXT    NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'publishing', 'done')),
  begun_ms    INTEGER NOT NULL,
  ended_ms    INTEGER
) STRICT;

-- A slice whose blocks are durable in the .part file. Written only after the file was synced.
CREATE TABLE bookmark (
  conversion    INTEGER NOT NULL REFERENCES conversion (id) ON DELETE CASCADE,
  tensor        INTEGER NOT NULL CHECK (tensor >= 0),
  slice         INTEGER NOT NULL CHECK (slice >= 0),
  -- Digest of the slice's blocks, taken in memory before they were written.
  sha256        BLOB    NOT NULL CHECK (length(sha256) = 32),
  -- Sum of squared differences and of squared weights over the rows that were compared.
  squared_error REAL    NOT NULL,
  energy        REAL    NOT NULL,
  compared      INTEGER NOT NULL CHECK (compared >= 0),
  milliseconds  REAL    NOT NULL,
  PRIMARY KEY (conversion, tensor, slice)
) STRICT, WITHOUT ROWID;
