-- What a slice is recognised by is a checksum of 64 bytes, or a SHA-256 as before: all bookmarks stay good.
CREATE TABLE new_bookmark (
  conversion    INTEGER NOT NULL REFERENCES conversion (id) ON DELETE CASCADE,
  tensor        INTEGER NOT NULL CHECK (tensor >= 0),
  slice         INTEGER NOT NULL CHECK (slice >= 0),
  -- Of the slice's blocks, taken in memory before they were written.
  checksum      BLOB    NOT NULL CHECK (length(checksum) IN (32, 64)),
  -- Sum of squared differences and of squared weights over the rows that were compared.
  squared_error REAL    NOT NULL,
  energy        REAL    NOT NULL,
  compared      INTEGER NOT NULL CHECK (compared >= 0),
  milliseconds  REAL    NOT NULL,
  PRIMARY KEY (conversion, tensor, slice)
) STRICT, WITHOUT ROWID;

INSERT INTO new_bookmark
SELECT conversion, tensor, slice, sha256, squared_error, energy, compared, milliseconds FROM bookmark;

DROP TABLE bookmark;
ALTER TABLE new_bookmark RENAME TO bookmark;
