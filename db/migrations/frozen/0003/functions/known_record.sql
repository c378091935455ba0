-- Which record of ours a HubSpot id belongs to.
create or replace function hubspot_sync.known_record(p_table text, p_hubspot_id text)
  returns uuid
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case p_table
    when 'hubspot_bookings' then
      (select b.id from hubspot_sync.hubspot_bookings b where b.hubspot_id = p_hubspot_id)
    when 'hubspot_contact_credits' then
      (select c.id from hubspot_sync.hubspot_contact_credits c where c.hubspot_id = p_hubspot_id)
    when 'hubspot_mock_exams' then
      (select e.id from hubspot_sync.hubspot_mock_exams e where e.hubspot_id = p_hubspot_id)
  end;
end;
$$;

comment on function hubspot_sync.known_record(text, text) is
  'The record of a table that has this HubSpot id, or null.';
revoke execute on function hubspot_sync.known_record(text, text)
  from public, anon, authenticated;
