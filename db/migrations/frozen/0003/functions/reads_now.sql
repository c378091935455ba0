-- Whether what waits in the inbox is to be read now, or may wait for more.
--
-- In profile thrifty what a webhook told waits a while, so that one call reads many records. What
-- a poll found, what is read again after a failure, and whatever else asks, has waited already.
create or replace function hubspot_sync.reads_now(p_table text)
  returns boolean
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return not hubspot_sync.is_thrifty()
    or exists (
      select from hubspot_sync.webhook_inbox q
       where q.table_name = p_table
         and q.done_at is null
         and q.dead_at is null
         and (q.event_key is null
              or q.attempts > 0
              or q.received_at
                 not between hubspot_sync.clock() - hubspot_sync.setting('read_after')::interval
                         and hubspot_sync.clock()));
end;
$$;

comment on function hubspot_sync.reads_now(text) is
  'Whether a worker that follows the profile reads records of a table that are not urgent.';
revoke execute on function hubspot_sync.reads_now(text) from public, anon, authenticated;
