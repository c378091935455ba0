-- Forgets a person: what names a contact of HubSpot's that asked for it is overwritten everywhere
-- here, and so is what names those that were merged into it. Bookings, credits and their history
-- stay, of nobody.
create or replace function hubspot_sync.forget_contact(p_contact uuid)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_personal constant text[] := array[
    'student_id', 'email', 'firstname', 'lastname', 'student_email', 'student_name', 'contact_id',
    'hubspot_id', '@contact', 'idempotency_key', 'idempotency_request', 'idempotency_result',
    'dominant_hand', 'attending_location'];
  v_now timestamptz := hubspot_sync.clock();
  v_contacts uuid[];
  v_bookings uuid[];
  v_records uuid[];
  v_emails text[];
  v_hubspot_ids text[];
begin
  v_contacts := array(
    select c.id
      from hubspot_sync.hubspot_contact_credits c
     where c.id = p_contact or c.merged_into = p_contact
     order by c.id
       for no key update);
  v_emails := array(
    select lower(c.email) from hubspot_sync.hubspot_contact_credits c
     where c.id = any (v_contacts));
  v_bookings := array(
    select b.id
      from hubspot_sync.hubspot_bookings b
     where b.contact = any (v_contacts)
       and (b.student_id in (select c.student_id from hubspot_sync.hubspot_contact_credits c
                              where c.id = any (v_contacts))
            or b.contact_id in (select c.hubspot_id from hubspot_sync.hubspot_contact_credits c
                                 where c.id = any (v_contacts)))
     order by b.id
       for no key update);
  v_records := v_contacts || v_bookings
    || array(select n.id from hubspot_sync.sync_notes n where n.contact = any (v_contacts));
  v_hubspot_ids := array(
    select c.hubspot_id from hubspot_sync.hubspot_contact_credits c
     where c.id = any (v_contacts) and c.hubspot_id is not null
    union all
    select b.hubspot_id from hubspot_sync.hubspot_bookings b
     where b.id = any (v_bookings) and b.hubspot_id is not null
    union
    -- Those they had before they were merged or made anew.
    select f.hubspot_id
      from (select unnest(array[a.hubspot_id, a.old_values ->> 'hubspot_id',
                                a.new_values ->> 'hubspot_id']) as hubspot_id
              from hubspot_sync.supabase_audit_log a
             where a.record = any (v_contacts)) f
     where f.hubspot_id is not null
       and not exists (select from hubspot_sync.hubspot_contact_credits c
                        where c.hubspot_id = f.hubspot_id and c.id <> all (v_contacts)));

  -- HubSpot has the contact no more, and never will; of a booking it is told anew.
  insert into hubspot_sync.sync_shadow (record, table_name, properties)
  select u.id, 'hubspot_contact_credits', '{"@gone": ""}'
    from unnest(v_contacts) u (id)
  on conflict (record) do update set properties = excluded.properties;
  update hubspot_sync.sync_shadow s
     set properties = s.properties - c_personal
   where s.record = any (v_bookings);
  delete from hubspot_sync.sync_shadow s
   using hubspot_sync.sync_notes n
   where n.contact = any (v_contacts) and s.record = n.id;
  delete from hubspot_sync.sync_notes n where n.contact = any (v_contacts);

  -- Most of its bookings take over name and email by the cascade.
  update hubspot_sync.hubspot_contact_credits c
     set student_id = 'forgotten-' || c.id,
         email = 'forgotten-' || c.id || '@forgotten.invalid',
         firstname = null, lastname = null, hubspot_id = null, deleted_at = v_now,
         updated_at = v_now
   where c.id = any (v_contacts);
  update hubspot_sync.hubspot_bookings b
     set student_id = case when b.student_id = 'forgotten-' || b.contact then b.student_id
                           else 'forgotten-' || b.id end,
         student_email = 'forgotten-' || b.contact || '@forgotten.invalid',
         student_name = null, contact_id = null, attending_location = null, dominant_hand = null,
         idempotency_key = null, idempotency_request = null, idempotency_result = null,
         updated_at = v_now
   where b.id = any (v_bookings);

  update hubspot_sync.supabase_audit_log a
     set old_values = a.old_values - c_personal,
         new_values = a.new_values - c_personal,
         hubspot_id = null,
         reason = null,
         to_note = false
   where a.record = any (v_records);
  -- What they did to others' records.
  update hubspot_sync.supabase_audit_log a
     set actor = 'forgotten'
   where lower(a.actor) = any (v_emails);
  perform set_config('hubspot_sync.forgetting', 'on', true);
  update hubspot_sync.credit_ledger l
     set note = null, idempotency_key = null, idempotency_request = null,
         idempotency_result = null,
         actor = case when lower(l.actor) = any (v_emails) then 'forgotten' else l.actor end
   where l.contact = any (v_contacts) or lower(l.actor) = any (v_emails);
  update hubspot_sync.event_log e
     set event_data = jsonb_strip_nulls(
           e.event_data - '{reason}'::text[] || jsonb_build_object(
             'old_values', (e.event_data -> 'old_values') - c_personal,
             'new_values', (e.event_data -> 'new_values') - c_personal,
             'actor', case when lower(e.event_data ->> 'actor') = any (v_emails)
                        then 'forgotten' else e.event_data ->> 'actor' end))
   where e.aggregate_id = any (v_bookings) or lower(e.event_data ->> 'actor') = any (v_emails);
  perform set_config('hubspot_sync.forgetting', '', true);

  -- Of the outbox what is open of a booking goes on, with the values of now.
  update hubspot_sync.sync_queue q
     set old_data = q.old_data - c_personal,
         new_data = case when q.synced or q.record <> all (v_bookings)
                      then q.new_data - c_personal
                      else q.new_data || (
                        select coalesce(jsonb_object_agg(k.key, null), '{}')
                          from jsonb_object_keys(q.new_data) k (key)
                         where k.key = any (c_personal)) end,
         synced = q.synced or q.record <> all (v_bookings),
         synced_at = case when q.record = any (v_bookings) then q.synced_at
                          else coalesce(q.synced_at, v_now) end,
         dead_at = case when q.record = any (v_bookings) then q.dead_at end,
         epoch = case when q.record = any (v_bookings) then q.epoch end,
         last_error = case when q.last_error is not null then 'forgotten' end,
         history = null
   where q.record = any (v_records);
  update hubspot_sync.sync_errors e
     set error_message = 'forgotten',
         resolved_at = case when e.entity = 'hubspot_bookings' then e.resolved_at
                            else coalesce(e.resolved_at, v_now) end
   where e.record = any (v_records)
      or e.record is null and e.hubspot_id = any (v_hubspot_ids);
  update hubspot_sync.sync_conflicts f
     set postgres_value = null, hubspot_value = null, decision = 'forgotten'
   where f.record = any (v_records);
  update hubspot_sync.migration_findings f
     set old_value = null
   where f.record = any (v_records);
  update hubspot_sync.webhook_inbox i
     set event = null, history = null,
         last_error = case when i.last_error is not null then 'forgotten' end
   where i.hubspot_id = any (v_hubspot_ids);
  insert into hubspot_sync.sync_conflicts (entity, record, field, decision)
  values ('hubspot_contact_credits', p_contact, 'deleted_at',
          'HubSpot''s: the person is forgotten, what names them was overwritten');
end;
$$;

comment on function hubspot_sync.forget_contact(uuid) is
  'Overwrites or removes whatever names a contact, and those merged into it: in its row, its '
  'bookings, and in the audit log, ledger, event log, outbox, notes, errors, conflicts and inbox. '
  'Nothing can bring it back.';
revoke execute on function hubspot_sync.forget_contact(uuid) from public, anon, authenticated;
