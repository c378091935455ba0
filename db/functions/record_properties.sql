-- The state of a record as HubSpot should hold it, whatever its table.
create or replace function hubspot_sync.record_properties(p_table text, p_record uuid)
  returns jsonb
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  case p_table
    when 'hubspot_bookings' then
      return (select hubspot_sync.booking_properties(b)
                from hubspot_sync.hubspot_bookings b where b.id = p_record);
    when 'hubspot_contact_credits' then
      return (select hubspot_sync.contact_properties(c)
                from hubspot_sync.hubspot_contact_credits c where c.id = p_record);
    when 'hubspot_mock_exams' then
      return (select hubspot_sync.exam_properties(e)
                from hubspot_sync.hubspot_mock_exams e where e.id = p_record);
    when 'sync_notes' then
      return (select hubspot_sync.note_properties(n)
                from hubspot_sync.sync_notes n where n.id = p_record);
  end case;
end;
$$;

comment on function hubspot_sync.record_properties(text, uuid) is
  'A record''s HubSpot properties and links as of now, or null when it is gone.';
revoke execute on function hubspot_sync.record_properties(text, uuid)
  from public, anon, authenticated;
