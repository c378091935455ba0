-- Tells everything the synchronisation knows of one record: what waits and what was sent, what
-- HubSpot is known to hold beside what it should, what went wrong.
--
-- A person asks for one record now and then: its finished rows are found by reading the queue,
-- whose writers would have to pay for an index.
create or replace function hubspot_sync.show_change(
  p_id bigint default null,
  p_record uuid default null,
  p_name text default null,
  p_table text default null
)
  returns jsonb
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_recent constant integer := 20;
  v_table text := hubspot_sync.find_synced_table(p_table);
  v_found jsonb;
  v_record uuid;
  v_hubspot_id text;
  v_now jsonb;
  v_shadow hubspot_sync.sync_shadow;
begin
  if num_nonnulls(p_id, p_record, p_name) <> 1 then
    raise exception 'no change is named, or more than one'
      using errcode = '22023', hint = 'Give p_id, p_record or p_name.';
  end if;
  select jsonb_agg(distinct jsonb_build_object('table', f.table_name, 'record', f.record))
    into v_found
    from (select q.table_name, q.record
            from hubspot_sync.sync_queue q
           where q.id = p_id
          union all
          select 'hubspot_bookings', b.id
            from hubspot_sync.hubspot_bookings b
           where b.id = p_record or b.booking_id = p_name
          union all
          select 'hubspot_contact_credits', c.id
            from hubspot_sync.hubspot_contact_credits c
           where c.id = p_record or c.student_id = p_name
          union all
          select 'hubspot_mock_exams', e.id
            from hubspot_sync.hubspot_mock_exams e
           where e.id = p_record or e.hubspot_id = p_name
          union all
          select 'sync_notes', n.id
            from hubspot_sync.sync_notes n
           where n.id = p_record
          union all
          -- One that is gone here.
          select q.table_name, q.record
            from hubspot_sync.sync_queue q
           where q.record = p_record
              or q.operation in ('delete', 'resend')
             and p_name in (q.old_data ->> 'booking_id', q.old_data ->> 'student_id',
                            q.old_data ->> 'hubspot_id')) f
   where f.table_name = coalesce(v_table, f.table_name);
  if v_found is null then
    return null;
  elsif jsonb_array_length(v_found) > 1 then
    raise exception '% stands for % records', left(p_name, 100), jsonb_array_length(v_found)
      using errcode = '22023',
            hint = format('Name the table, or give the record: %s.',
                          (select string_agg(f.record, ', ' order by f.record)
                             from jsonb_to_recordset(v_found) as f (record text)));
  end if;
  v_table := v_found -> 0 ->> 'table';
  v_record := (v_found -> 0 ->> 'record')::uuid;
  v_now := hubspot_sync.record_properties(v_table, v_record);
  select s.* into v_shadow from hubspot_sync.sync_shadow s where s.record = v_record;
  v_hubspot_id := coalesce(
    (select b.hubspot_id from hubspot_sync.hubspot_bookings b where b.id = v_record),
    (select c.hubspot_id from hubspot_sync.hubspot_contact_credits c where c.id = v_record),
    (select e.hubspot_id from hubspot_sync.hubspot_mock_exams e where e.id = v_record),
    (select n.hubspot_id from hubspot_sync.sync_notes n where n.id = v_record));
  return jsonb_build_object(
    'table', v_table,
    'record', v_record,
    'name', coalesce(
      hubspot_sync.record_name(v_table, v_record),
      (select hubspot_sync.record_name(v_table, v_record, q.old_data)
         from hubspot_sync.sync_queue q
        where q.record = v_record and q.operation in ('delete', 'resend')
        order by q.id desc
        limit 1)),
    'hubspot_id', v_hubspot_id,
    'deleted', v_now is null,
    'changes', (
      select coalesce(jsonb_agg(
               jsonb_build_object(
                 'id', r.id, 'operation', r.operation, 'lane', r.lane,
                 'state', hubspot_sync.change_state(r.change), 'attempts', r.sync_attempts,
                 'created_at', r.created_at, 'next_attempt_at', r.next_attempt_at,
                 'synced_at', r.synced_at, 'dead_at', r.dead_at, 'last_error', r.last_error,
                 'old_data', r.old_data, 'new_data', r.new_data,
                 'history', coalesce(r.history, '[]')) order by r.id), '[]')
        from (select q as change, q.*, row_number() over (partition by q.synced
                                                           order by q.id desc) as place
                from hubspot_sync.sync_queue q
               where q.record = v_record and q.table_name = v_table) r
       where not r.synced or r.place <= c_recent),
    'in_hubspot', v_shadow.properties,
    'in_hubspot_since', v_shadow.updated_at,
    'differs', (
      select coalesce(jsonb_agg(jsonb_build_object(
               'property', n.key, 'hubspot', v_shadow.properties ->> n.key,
               'postgres', n.value) order by n.key), '[]')
        from jsonb_each_text(v_now) n
       where v_shadow.properties is null
          or v_shadow.properties ->> n.key is distinct from n.value),
    'errors', (
      select coalesce(jsonb_agg(jsonb_build_object(
               'direction', r.direction, 'error', r.error_message, 'retries', r.retry_count,
               'since', r.created_at) order by r.id), '[]')
        from hubspot_sync.sync_errors r
       where r.resolved_at is null
         and r.entity = v_table
         and (r.record = v_record or r.record is null and r.hubspot_id = v_hubspot_id)),
    'conflicts', (
      select coalesce(jsonb_agg(jsonb_build_object(
               'field', c.field, 'postgres', c.postgres_value, 'hubspot', c.hubspot_value,
               'decision', c.decision, 'at', c.created_at) order by c.id), '[]')
        from hubspot_sync.sync_conflicts c
       where c.record = v_record));
end;
$$;

comment on function hubspot_sync.show_change(bigint, uuid, text, text) is
  'Of the record of a change (p_id), of a record (p_record) or of a name (booking_id, student_id, '
  'an exam''s HubSpot id; p_table where that is not enough): its open changes and the last 20 that '
  'were sent, with their history; what HubSpot is known to hold, and where that differs from the '
  'record; its open errors and its conflicts. Null where nothing is known. Raises 22023 when none '
  'or several are meant.';
revoke execute on function hubspot_sync.show_change(bigint, uuid, text, text)
  from public, anon, authenticated;
grant execute on function hubspot_sync.show_change(bigint, uuid, text, text) to service_role;
