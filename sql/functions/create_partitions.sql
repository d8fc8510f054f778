-- Creates the history's partitions for today and the days ahead; returns how many were missing.
-- Days are UTC days. A day that already has rows in the default partition stays there.
--
-- A partition is made as a table of its own and then attached, which needs no lock that stops a
-- finishing worker; the default partition is locked for an instant, so call this with a short
-- lock_timeout and again later. Two callers take turns, and the second finds nothing to do.
create or replace function pgqueue.create_partitions(days_ahead integer default 3) returns integer
    language plpgsql volatile
as $$
declare
    made     integer := 0;
    today    date := (pgqueue.now() at time zone 'utc')::date;
    outcome  text;
    day      date;
    leaf     text;
    low      timestamptz;
    high     timestamptz;
    strays   boolean;
begin
    perform pg_advisory_xact_lock(hashtextextended('pgqueue.create_partitions', 0));
    foreach outcome in array array['succeeded', 'failed', 'cancelled'] loop
        for day in select today + n from generate_series(0, days_ahead) n loop
            leaf := format('jobs_%s_%s', outcome, to_char(day, 'YYYYMMDD'));
            low := day::timestamp at time zone 'utc';
            high := (day + 1)::timestamp at time zone 'utc';
            continue when to_regclass(format('pgqueue.%I', leaf)) is not null;
            execute format(
                'select exists (select from pgqueue.%I where finished_at >= $1 and finished_at < $2)',
                'jobs_' || outcome || '_default')
                into strays using low, high;
            continue when strays;
            execute format('create table pgqueue.%I (like pgqueue.%I including defaults including compression)',
                leaf, 'jobs_' || outcome);
            execute format('alter table pgqueue.%I attach partition pgqueue.%I for values from (%L) to (%L)',
                'jobs_' || outcome, leaf, low, high);
            made := made + 1;
        end loop;
    end loop;
    return made;
end $$;
