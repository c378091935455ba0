-- The one place time comes from; a test replaces this function to move it.
--
-- A body without quotes binds its names when it is created, so no search_path can bend it, and
-- the planner puts it in place of the call.
create or replace function hubspot_sync.clock()
  returns timestamptz
  language sql
  stable
  return now();

comment on function hubspot_sync.clock() is
  'The time by which every rule is judged: the start of the transaction.';
revoke execute on function hubspot_sync.clock() from public, anon, authenticated;
