-- A sum of all definitions.
-- Each keeps its oid until it is dropped; an altered one differs in one of these columns.
WITH ours AS (SELECT pg_class.* FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
              WHERE nspname !~ '^(pg_|information_schema$)' AND nspname !~ '^pg_toast')
SELECT md5(string_agg(line, ' ' ORDER BY line)) FROM (
    SELECT concat('class ', oid, relname, relkind, reloptions, relacl) AS line FROM ours
    UNION ALL SELECT concat('column ', attrelid, attname, atttypid, attnotnull, atthasdef, attcollation)
        FROM pg_attribute JOIN ours ON ours.oid = attrelid WHERE attnum > 0
    UNION ALL SELECT concat('index ', indexrelid, indisvalid)
        FROM pg_index JOIN ours ON ours.oid = indexrelid
    UNION ALL SELECT concat('constraint ', pg_constraint.oid, conname)
        FROM pg_constraint JOIN ours ON ours.oid = conrelid
    UNION ALL SELECT concat('trigger ', pg_trigger.oid, tgenabled)
        FROM pg_trigger JOIN ours ON ours.oid = tgrelid
    UNION ALL SELECT concat('function ', pg_proc.oid, md5(prosrc))
        FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
        WHERE nspname !~ '^(pg_|information_schema$)'
    UNION ALL SELECT concat('schema ', oid, nspname) FROM pg_namespace
        WHERE nspname !~ '^(pg_|information_schema$)'
) AS lines
