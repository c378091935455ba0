-- Forgets a person: what names a contact of HubSpot's that asked for it is overwritten everywhere
-- here. Bookings, credits and their history stay, of nobody.
create or replace function hubspot_sync.forget_contact(p_contact uuid)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_personal constant text[] := array[
    'student_id', 'email', 'firstname', 'lastname', 'student_email', 'student_name',
    'idempotency_request', 'idempotency_result', 'dominant_hand', 'attending_location'];
  v_now timestamptz := hubspot_sync.clock();
  v_name text := 'forgotten-' || p_contact;
  v_hubspot_id text;
  v_bookings uuid[];
begin
  select c.hubspot_id into v_hubspot_id
    from hubspot_sync.hubspot_contact_credits c
   where c.id = p_contact
     for no key update;
  v_bookings := array(
    select b.id
      from hubspot_sync.hubspot_contact_credits c
      join hubspot_sync.hubspot_bookings b on b.student_id = c.student_id and b.contact = c.id
     where c.id = p_contact
     order by b.id
       for no key update of b);
  -- HubSpot has it no more, and never will.
  insert into hubspot_sync.sync_shadow (record, table_name, properties)
  values (p_contact, 'hubspot_contact_credits', '{"@gone": ""}')
  on conflict (record) do update set properties = excluded.properties;
  -- Its bookings take over name and email by the cascade.
  update hubspot_sync.hubspot_contact_credits c
     set student_id = v_name, email = v_name || '@forgotten.invalid', firstname = null,
         lastname = null, hubspot_id = null, deleted_at = v_now, updated_at = v_now
   where c.id = p_contact;
  update hubspot_sync.hubspot_bookings b
     set student_id = v_name, student_email = v_name || '@forgotten.invalid',
         student_name = null, contact_id = null, attending_location = null, dominant_hand = null,
         idempotency_request = null, idempotency_result = null, updated_at = v_now
   where b.id = any (v_bookings);

  update hubspot_sync.supabase_audit_log a
     set old_values = a.old_values - c_personal,
         new_values = a.new_values - c_personal,
         to_note = false
   where a.record = p_contact or a.record = any (v_bookings);
  perform set_config('hubspot_sync.forgetting', 'on', true);
  update hubspot_sync.credit_ledger l
     set note = null, idempotency_request = null, idempotency_result = null
   where l.contact = p_contact;
  update hubspot_sync.event_log e
     set event_data = jsonb_strip_nulls(e.event_data || jsonb_build_object(
           'old_values', (e.event_data -> 'old_values') - c_personal,
           'new_values', (e.event_data -> 'new_values') - c_personal))
   where e.aggregate_id = any (v_bookings);
  perform set_config('hubspot_sync.forgetting', '', true);
  delete from hubspot_sync.sync_notes n where n.contact = p_contact;
  -- Of the outbox what is open goes on, with the values of now.
  update hubspot_sync.sync_queue q
     set old_data = q.old_data - c_personal,
         synced = q.synced or q.record = p_contact,
         synced_at = case when q.record = p_contact then coalesce(q.synced_at, v_now)
                          else q.synced_at end,
         dead_at = case when q.record <> p_contact then q.dead_at end,
         epoch = case when q.record <> p_contact then q.epoch end,
         new_data = case when q.synced or q.record = p_contact then q.new_data - c_personal
                         else q.new_data || (
                           select coalesce(jsonb_object_agg(k.key, null), '{}')
                             from jsonb_object_keys(q.new_data) k (key)
                            where k.key = any (c_personal)) end
   where q.record = p_contact or q.record = any (v_bookings);
  update hubspot_sync.sync_conflicts f
     set postgres_value = null, hubspot_value = null
   where (f.record = p_contact or f.record = any (v_bookings)) and f.field = any (c_personal);
  update hubspot_sync.webhook_inbox i
     set event = null, history = null, last_error = null
   where i.hubspot_id = v_hubspot_id;
  insert into hubspot_sync.sync_conflicts (entity, record, field, decision)
  values ('hubspot_contact_credits', p_contact, 'deleted_at',
          'HubSpot''s: the person is forgotten, what names them was overwritten');
end;
$$;

comment on function hubspot_sync.forget_contact(uuid) is
  'Overwrites or removes whatever names a contact: in its row, its bookings, and in the audit log, '
  'ledger, event log, outbox, notes, conflicts and inbox. Nothing can bring it back.';
revoke execute on function hubspot_sync.forget_contact(uuid) from public, anon, authenticated;
