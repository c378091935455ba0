-- The other direction of a comparison: a page of records here is compared with what HubSpot is
-- known to hold, and what it lacks is queued.
create or replace function hubspot_sync.compare_outgoing(
  p_run bigint,
  p_table text,
  p_after uuid default null,
  p_limit integer default 1000
)
  returns table (compared integer, queued integer, last uuid)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_since timestamptz;
begin
  perform hubspot_sync.require_readable(p_table);
  select r.since into v_since
    from hubspot_sync.reconciliations r
   where r.run = p_run and r.table_name = p_table
     for no key update;
  if not found then
    raise exception 'comparison % of % has not begun', p_run, p_table
      using errcode = '22023', hint = 'Call begin_reconciliation first.';
  end if;
  select d.checked, d.queued, d.last
    into compared, queued, last
    from hubspot_sync.queue_differences(p_table, p_after, p_limit, false, v_since) d;
  update hubspot_sync.reconciliations r
     set compared = r.compared + compare_outgoing.compared,
         queued = r.queued + compare_outgoing.queued
   where r.run = p_run and r.table_name = p_table;
  return next;
end;
$$;

comment on function hubspot_sync.compare_outgoing(bigint, text, uuid, integer) is
  'Compares the next p_limit records of a table after the id p_after with what HubSpot is known to '
  'hold, for the comparison p_run: compared, queued, and last, the id to go on after, null when '
  'there are no more. Raises 22023 for an unknown table or a comparison that has not begun.';
revoke execute on function hubspot_sync.compare_outgoing(bigint, text, uuid, integer)
  from public, anon, authenticated;
grant execute on function hubspot_sync.compare_outgoing(bigint, text, uuid, integer)
  to service_role;
