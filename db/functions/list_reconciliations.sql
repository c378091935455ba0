-- The comparisons of late, newest first.
create or replace function hubspot_sync.list_reconciliations(p_limit integer default 10)
  returns table (
    run bigint,
    table_name text,
    everything boolean,
    started_at timestamptz,
    took interval,
    checked integer,
    share_equal numeric,
    on_its_way integer,
    differing integer,
    missing_here integer,
    missing_there integer,
    taken integer,
    compared integer,
    queued integer,
    sent integer,
    conflicts integer,
    drift integer
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_limit is null or p_limit not between 1 and 10000 then
    raise exception 'cannot list % comparisons', p_limit
      using errcode = '22023', hint = '1 to 10000.';
  end if;
  return query
    select r.run, r.table_name, r.everything, r.started_at, r.finished_at - r.started_at,
           r.checked, round(r.equal::numeric / nullif(r.checked + r.missing_there, 0), 5),
           r.on_its_way, r.differing, r.missing_here, r.missing_there, r.taken, r.compared,
           r.queued, r.sent, r.conflicts, r.drift
      from hubspot_sync.reconciliations r
     where r.run in (select distinct o.run from hubspot_sync.reconciliations o
                      order by o.run desc limit p_limit)
     order by r.run desc, r.table_name desc;
end;
$$;

comment on function hubspot_sync.list_reconciliations(integer) is
  'The last p_limit comparisons, a row a table; took: null while it is under way; share_equal: of '
  'all records, those that were equal when they were compared. Raises 22023 for an impossible '
  'limit.';
revoke execute on function hubspot_sync.list_reconciliations(integer)
  from public, anon, authenticated;
grant execute on function hubspot_sync.list_reconciliations(integer) to service_role;
