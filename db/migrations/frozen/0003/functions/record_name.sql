-- What people call a record, also one that is gone: then what its row of the outbox remembers.
create or replace function hubspot_sync.record_name(
  p_table text,
  p_record uuid,
  p_data jsonb default null
)
  returns text
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    case p_table
      when 'hubspot_bookings' then
        (select b.booking_id from hubspot_sync.hubspot_bookings b where b.id = p_record)
      when 'hubspot_contact_credits' then
        (select c.student_id from hubspot_sync.hubspot_contact_credits c where c.id = p_record)
      when 'hubspot_mock_exams' then
        (select e.hubspot_id from hubspot_sync.hubspot_mock_exams e where e.id = p_record)
      when 'sync_notes' then
        (select c.student_id
           from hubspot_sync.sync_notes n
           join hubspot_sync.hubspot_contact_credits c on c.id = n.contact
          where n.id = p_record)
    end,
    p_data ->> 'booking_id', p_data ->> 'student_id', p_data ->> 'hubspot_id');
end;
$$;

comment on function hubspot_sync.record_name(text, uuid, jsonb) is
  'A record''s booking_id, student_id (of a note, its contact''s) or, of an exam, HubSpot id; null '
  'where nobody knows it. '
  'p_data: old_data or new_data of its change.';
revoke execute on function hubspot_sync.record_name(text, uuid, jsonb)
  from public, anon, authenticated;
