-- After a comparison has read the whole list of a type: ours that HubSpot does not list.
--
-- A list is no proof that something is gone: that makes a signal, and reading decides. What got
-- its id, or was written, since the comparison began may have come behind the list's last page.
create or replace function hubspot_sync.note_unlisted(p_run bigint, p_table text)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_began timestamptz;
  v_ids text[];
begin
  perform hubspot_sync.require_readable(p_table);
  select r.started_at into v_began
    from hubspot_sync.reconciliations r
   where r.run = p_run and r.table_name = p_table and r.everything and r.finished_at is null
     for no key update;
  if not found then
    raise exception 'comparison % of all of % is not under way', p_run, p_table
      using errcode = '22023', hint = 'Call begin_reconciliation(true) first.';
  end if;
  select coalesce(array_agg(k.hubspot_id order by k.hubspot_id), '{}')
    into v_ids
    from (select b.id, b.hubspot_id, b.hubspot_last_sync_at
            from hubspot_sync.hubspot_bookings b
           where p_table = 'hubspot_bookings' and b.deleted_at is null
          union all
          select c.id, c.hubspot_id, c.hubspot_last_sync_at
            from hubspot_sync.hubspot_contact_credits c
           where p_table = 'hubspot_contact_credits'
             and c.deleted_at is null and c.merged_into is null
          union all
          select e.id, e.hubspot_id, e.hubspot_last_sync_at
            from hubspot_sync.hubspot_mock_exams e
           where p_table = 'hubspot_mock_exams' and e.deleted_at is null) k
    left join hubspot_sync.sync_shadow h on h.record = k.id
   where k.hubspot_id is not null
     and coalesce(k.hubspot_last_sync_at < v_began, true)
     and not coalesce(h.properties ?| '{@archived,@gone}', false)
     and not exists (select from hubspot_sync.reconciliation_seen s
                      where s.run = p_run and s.record = k.id);
  insert into hubspot_sync.reconciliation_findings (run, table_name, hubspot_id, finding)
  select p_run, p_table, i.id, 'missing_there' from unnest(v_ids) i (id)
  on conflict do nothing;
  update hubspot_sync.reconciliations r
     set missing_there = cardinality(v_ids)
   where r.run = p_run and r.table_name = p_table;
  perform hubspot_sync.store_signals(p_table, w.ids, 'reconcile')
     from (select array_agg(i.id) as ids
             from unnest(v_ids) i (id)
            where not hubspot_sync.is_asked_for(p_table, i.id, '-infinity')) w
    where w.ids is not null;
  return cardinality(v_ids);
end;
$$;

comment on function hubspot_sync.note_unlisted(bigint, text) is
  'Records here that the comparison p_run of everything has not met in HubSpot become signals of '
  'kind reconcile; answers how many. Raises 22023 where no such comparison is under way.';
revoke execute on function hubspot_sync.note_unlisted(bigint, text)
  from public, anon, authenticated;
grant execute on function hubspot_sync.note_unlisted(bigint, text) to service_role;
