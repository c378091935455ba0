-- Writes the audit log for a row of any of the three tables, and for a booking also, in a
-- word, what happened to it: booking_events is a view of these rows. What only the
-- synchronisation notes for itself (its times, HubSpot's id) is no change of the record.
--
-- to_note is what HubSpot's users are told in a note on the contact: nothing HubSpot itself said,
-- no credit that a booking spent or gave back, no name a booking took over from its contact.
create or replace function hubspot_sync.write_audit()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_old jsonb;
  v_new jsonb;
  v_fields text[];
  v_event text;
  v_reason text := nullif(trim(current_setting('hubspot_sync.reason', true)), '');
  v_ledger text;
  v_to_note boolean := current_setting('hubspot_sync.source', true) is distinct from 'hubspot';
  v_row record;
begin
  if tg_op = 'UPDATE' then
    v_row := new;
    v_row.updated_at := old.updated_at;
    v_row.synced_at := old.synced_at;
    v_row.hubspot_last_sync_at := old.hubspot_last_sync_at;
    v_row.hubspot_id := old.hubspot_id;
    if v_row *= old then
      return null;
    end if;
    v_old := to_jsonb(old);
    v_new := to_jsonb(new);
    select array_agg(n.key), jsonb_object_agg(n.key, v_old -> n.key),
           jsonb_object_agg(n.key, n.value)
      into v_fields, v_old, v_new
      from jsonb_each(v_new) n
     where n.value <> v_old -> n.key
       and n.key not in ('updated_at', 'synced_at', 'hubspot_last_sync_at', 'hubspot_id');
    if v_fields is null then
      return null;
    end if;
    if tg_table_name = 'hubspot_bookings' then
      v_event := case
        when 'is_active' = any (v_fields) and new.is_active in ('Cancelled', 'Completed')
          then lower(new.is_active)
        when v_fields @> '{mock_exam_id,exam}' then 'moved'
        when 'attendance' = any (v_fields)
             and lower(new.attendance) in ('yes', 'attended') then 'attended'
        when 'attendance' = any (v_fields)
             and lower(new.attendance) in ('no', 'no_show', 'no show') then 'no_show'
        when v_fields <@ '{contact_id,mock_exam_id,exam,contact,exempt}'::text[] then null
        else 'modified'
      end;
      v_to_note := v_to_note and v_event is not null
        and not (pg_trigger_depth() > 1
                 and v_fields <@ '{student_id,student_email,student_name,exempt}'::text[]);
    elsif tg_table_name = 'hubspot_contact_credits' then
      v_ledger := current_setting('hubspot_sync.ledger_reason', true);
      if v_ledger in ('booking', 'refund') then
        v_to_note := false;
      elsif v_ledger in ('grant', 'adjustment') then
        v_reason := coalesce(
          nullif(current_setting('hubspot_sync.ledger_entry', true), '')::jsonb ->> 'note',
          v_reason);
      end if;
    else
      v_to_note := false;
    end if;
    insert into hubspot_sync.supabase_audit_log
      (table_name, record, hubspot_id, operation, changed_fields, old_values, new_values, actor,
       event_type, reason, to_note, created_at)
    values
      (tg_table_name, new.id, new.hubspot_id, 'update', v_fields, v_old, v_new,
       hubspot_sync.actor(), v_event,
       v_reason, v_to_note, hubspot_sync.clock());
  elsif tg_op = 'INSERT' then
    insert into hubspot_sync.supabase_audit_log
      (table_name, record, hubspot_id, operation, new_values, actor, event_type, to_note,
       created_at)
    values
      (tg_table_name, new.id, new.hubspot_id, 'insert',
       jsonb_strip_nulls(to_jsonb(new)) - '{idempotency_request,idempotency_result}'::text[],
       hubspot_sync.actor(),
       case tg_table_name when 'hubspot_bookings' then 'created' end,
       v_to_note and new.hubspot_id is null and tg_table_name <> 'hubspot_mock_exams',
       hubspot_sync.clock());
  else
    insert into hubspot_sync.supabase_audit_log
      (table_name, record, hubspot_id, operation, old_values, actor, event_type, to_note,
       created_at)
    values
      (tg_table_name, old.id, old.hubspot_id, 'delete',
       jsonb_strip_nulls(to_jsonb(old)) - '{idempotency_request,idempotency_result}'::text[],
       hubspot_sync.actor(),
       case tg_table_name when 'hubspot_bookings' then 'deleted' end,
       v_to_note and tg_table_name = 'hubspot_bookings', hubspot_sync.clock());
  end if;
  return null;
end;
$$;

comment on function hubspot_sync.write_audit() is
  'Trigger: writes supabase_audit_log; for an update only the fields that changed.';
revoke execute on function hubspot_sync.write_audit() from public, anon, authenticated;
