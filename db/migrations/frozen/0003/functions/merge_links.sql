-- What HubSpot links a booking with, as the properties @contact and @exam. A link to an exam that
-- is not the booking's is ended; one to another contact stays, and is noted.
create or replace function hubspot_sync.merge_links(
  p_booking hubspot_sync.hubspot_bookings,
  p_record jsonb
)
  returns jsonb
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ours jsonb := hubspot_sync.booking_properties(p_booking);
  v_contacts jsonb := coalesce(p_record #> '{associations,contacts}', jsonb_build_array());
  v_exams jsonb := coalesce(p_record #> '{associations,exams}', jsonb_build_array());
  v_gone uuid[] := array(
    select s.record from hubspot_sync.sync_shadow s
     where s.record in (p_booking.exam, p_booking.contact)
       and s.properties ?| array['@archived', '@gone']);
begin
  if jsonb_typeof(p_record -> 'associations') is distinct from 'object' then
    return jsonb_build_object();
  end if;
  insert into hubspot_sync.sync_queue (table_name, record, operation, old_data, new_data)
  select 'hubspot_bookings', p_booking.id, 'resend', jsonb_build_object('@exam', x.exam), '{}'
    from jsonb_array_elements_text(v_exams) x (exam)
   where x.exam <> v_ours ->> '@exam'
     and v_exams ? (v_ours ->> '@exam')
     and not exists (select from hubspot_sync.sync_queue q
                      where q.record = p_booking.id and not q.synced);
  -- Where we know of none HubSpot's is no difference, and one to what was deleted there cannot be.
  return jsonb_build_object(
    '@contact', case when v_contacts || '[""]' ? (v_ours ->> '@contact')
                          or p_booking.contact = any (v_gone) then v_ours ->> '@contact'
                     else coalesce(v_contacts ->> 0, '') end,
    '@exam', case when v_exams || '[""]' ? (v_ours ->> '@exam')
                       or p_booking.exam = any (v_gone) then v_ours ->> '@exam'
                  else coalesce(v_exams ->> 0, '') end);
end;
$$;

comment on function hubspot_sync.merge_links(hubspot_sync.hubspot_bookings, jsonb) is
  'The links of HubSpot''s record p_record (associations {contacts, exams}, HubSpot''s ids) as '
  'booking_properties has them, nothing where they were not read. Queues the end of links to exams '
  'that are not the booking''s.';
revoke execute on function hubspot_sync.merge_links(hubspot_sync.hubspot_bookings, jsonb)
  from public, anon, authenticated;
