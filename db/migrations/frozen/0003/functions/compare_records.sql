-- Compares a page of HubSpot's records with what is here, field by field.
--
-- What the outbox still has to send, or somebody let be, is no difference. What differs, and what
-- is not here, becomes a signal: only reading decides. A booking is linked as it should be when
-- the contact and the exam it has here are among its links there. An exam's figure of bookings is
-- never read: where it differs it is sent once more.
create or replace function hubspot_sync.compare_records(
  p_run bigint,
  p_table text,
  p_records jsonb
)
  returns table (checked integer, equal integer, differing integer, missing integer)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_everything boolean;
  v_on_its_way integer;
  v_wanted text[];
  v_figures jsonb;
begin
  perform hubspot_sync.require_readable(p_table);
  select r.everything into v_everything
    from hubspot_sync.reconciliations r
   where r.run = p_run and r.table_name = p_table
     for no key update;
  if not found then
    raise exception 'comparison % of % has not begun', p_run, p_table
      using errcode = '22023', hint = 'Call begin_reconciliation first.';
  end if;
  with there as materialized (
    select distinct on (r.value ->> 'id') r.value ->> 'id' as id, r.value as record,
           hubspot_sync.read_properties(p_table, r.value) as theirs
      from jsonb_array_elements(p_records) r
     where length(r.value ->> 'id') between 1 and 100
     order by 1
  ), here as materialized (
    select t.id, t.record, t.theirs, k.id as uuid, k.ours,
           coalesce(s.let_be, '{}') as let_be
      from there t
      left join lateral (
        select b.id, hubspot_sync.booking_properties(b) as ours
          from hubspot_sync.hubspot_bookings b
         where p_table = 'hubspot_bookings' and b.hubspot_id = t.id
        union all
        select c.id, hubspot_sync.contact_properties(c)
          from hubspot_sync.hubspot_contact_credits c
         where p_table = 'hubspot_contact_credits' and c.hubspot_id = t.id
        union all
        select e.id, hubspot_sync.exam_properties(e)
          from hubspot_sync.hubspot_mock_exams e
         where p_table = 'hubspot_mock_exams' and e.hubspot_id = t.id) k on true
      left join hubspot_sync.sync_shadow s on s.record = k.id
  ), fields as materialized (
    select h.id, f.field, coalesce(q.open, false) as open
      from here h
     cross join lateral (
       select p.key as field
         from jsonb_each_text(h.theirs) p
        where h.ours ? p.key
          and p.key <> 'total_bookings'
          and p.value <> h.ours ->> p.key
          and (p.key not in ('email', 'student_email')
               or lower(p.value) <> lower(h.ours ->> p.key))
       union all
       select l.field
         from (values ('@contact', h.record #> '{associations,contacts}'),
                      ('@exam', h.record #> '{associations,exams}')) l (field, linked)
        where l.linked is not null
          and h.ours ->> l.field <> ''
          and not l.linked ? (h.ours ->> l.field)) f
      left join lateral (
        select bool_or(o.dead_at is null and (o.new_data is null or o.new_data ? f.field)) as open
          from hubspot_sync.sync_queue o
         where o.record = h.uuid and not o.synced) q on true
     where h.uuid is not null
       and f.field <> all (h.let_be)
  ), told as materialized (
    select h.id, h.uuid, (h.theirs ->> '@version')::timestamptz as version,
           case
             when h.uuid is null then 'missing_here'
             when h.theirs is null or exists (select from fields f where f.id = h.id and not f.open)
             then 'differing'
             when exists (select from fields f where f.id = h.id) then 'on_its_way'
             else 'equal'
           end as finding,
           (select array_agg(f.field order by f.field) from fields f
             where f.id = h.id and not f.open) as fields
      from here h
  ), found as (
    insert into hubspot_sync.reconciliation_findings (run, table_name, hubspot_id, finding, fields)
    select p_run, p_table, t.id, t.finding, t.fields
      from told t
     where t.finding in ('missing_here', 'differing')
    on conflict do nothing
  ), met as (
    insert into hubspot_sync.reconciliation_seen (run, record)
    select p_run, t.uuid
      from told t
     where v_everything and t.uuid is not null
    on conflict do nothing
  ), figures as materialized (
    select h.uuid, h.theirs -> 'total_bookings' as theirs
      from here h
     where h.theirs ? 'total_bookings'
       and h.ours ->> 'total_bookings' <> coalesce(nullif(h.theirs ->> 'total_bookings', ''), '0')
       and not exists (
             select from (select o.dead_at, o.new_data
                            from hubspot_sync.sync_queue o
                           where o.record = h.uuid and not o.synced
                          offset 0) o
              where o.dead_at is null
                and (o.new_data is null or o.new_data ? 'total_bookings'))
  ), again as (
    insert into hubspot_sync.sync_queue (table_name, record, operation, new_data)
    select p_table, f.uuid, 'resend', '{"total_bookings": null}'
      from figures f
     order by f.uuid
  )
  select count(*)::integer,
         (count(*) filter (where t.finding = 'equal'))::integer,
         (count(*) filter (where t.finding = 'differing'))::integer,
         (count(*) filter (where t.finding = 'missing_here'))::integer,
         (count(*) filter (where t.finding = 'on_its_way'))::integer,
         array_agg(t.id) filter (where t.finding in ('missing_here', 'differing')
           and not hubspot_sync.is_asked_for(p_table, t.id, coalesce(t.version, '-infinity'))),
         (select jsonb_agg(jsonb_build_object(
                   'record', f.uuid,
                   'properties', jsonb_build_object('total_bookings', f.theirs)))
            from figures f)
    into checked, equal, differing, missing, v_on_its_way, v_wanted, v_figures
    from told t;
  perform hubspot_sync.note_shadow(p_table, v_figures) where v_figures is not null;
  perform hubspot_sync.store_signals(p_table, v_wanted, 'reconcile') where v_wanted is not null;
  update hubspot_sync.reconciliations r
     set checked = r.checked + compare_records.checked,
         equal = r.equal + compare_records.equal,
         on_its_way = r.on_its_way + v_on_its_way,
         differing = r.differing + compare_records.differing,
         missing_here = r.missing_here + compare_records.missing,
         queued = r.queued + coalesce(jsonb_array_length(v_figures), 0)
   where r.run = p_run and r.table_name = p_table;
  return next;
end;
$$;

comment on function hubspot_sync.compare_records(bigint, text, jsonb) is
  'Compares records of HubSpot ({id, properties, updatedAt, perhaps associations}, as an array) '
  'with those here, for the comparison p_run: how many were checked, are equal, differ, are '
  'missing here. What differs or is missing becomes a signal of kind reconcile. Raises 22023 for '
  'an unknown table, or a comparison that has not begun.';
revoke execute on function hubspot_sync.compare_records(bigint, text, jsonb)
  from public, anon, authenticated;
grant execute on function hubspot_sync.compare_records(bigint, text, jsonb) to service_role;
