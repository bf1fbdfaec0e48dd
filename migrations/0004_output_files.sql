-- JSON list of the names of the files that the output consists of, in the folder of "output"; empty in rows of earlier
-- releases, which made the one file that "output" names.
ALTER TABLE conversion ADD COLUMN files TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(files));
