-- The one place time comes from; a test replaces this function to move it.
create or replace function hubspot_sync.clock()
  returns timestamptz
  language sql
  stable
  set search_path = ''
as $$
  select now();
$$;

comment on function hubspot_sync.clock() is
  'The time by which every rule is judged: the start of the transaction.';
revoke execute on function hubspot_sync.clock() from public;
