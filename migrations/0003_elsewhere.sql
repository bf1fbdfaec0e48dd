-- Of a tensor that is in work: whether only other machines have it. This process cannot die of it then.
ALTER TABLE tensor_job ADD COLUMN elsewhere INTEGER NOT NULL DEFAULT 0 CHECK (elsewhere IN (0, 1));
