-- Whether signals somebody waits for have come to their end. One that was pruned has.
create or replace function hubspot_sync.watch_signals(p_signals bigint[])
  returns table (waiting integer, dead integer, last_error text)
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select (count(*) filter (where i.done_at is null and i.dead_at is null))::integer,
           (count(*) filter (where i.dead_at is not null))::integer,
           max(i.last_error) filter (where i.done_at is null)
      from hubspot_sync.webhook_inbox i
     where i.id = any (p_signals);
end;
$$;

comment on function hubspot_sync.watch_signals(bigint[]) is
  'How many of these signals wait to be read, how many are dead letters, and a reason why, if '
  'there is one.';
revoke execute on function hubspot_sync.watch_signals(bigint[]) from public, anon, authenticated;
grant execute on function hubspot_sync.watch_signals(bigint[]) to service_role;
