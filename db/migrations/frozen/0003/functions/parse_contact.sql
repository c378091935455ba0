-- A contact as HubSpot has it, as a row of ours.
create or replace function hubspot_sync.parse_contact(p_record jsonb)
  returns hubspot_sync.hubspot_contact_credits
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_properties jsonb := p_record -> 'properties';
  v_contact hubspot_sync.hubspot_contact_credits;
begin
  v_contact.hubspot_id := p_record ->> 'id';
  v_contact.student_id := nullif(trim(v_properties ->> 'student_id'), '');
  v_contact.email := nullif(trim(v_properties ->> 'email'), '');
  v_contact.firstname := nullif(v_properties ->> 'firstname', '');
  v_contact.lastname := nullif(v_properties ->> 'lastname', '');
  v_contact.sj_credits := coalesce(
    hubspot_sync.parse_count(v_properties ->> 'sj_credits', 'sj_credits'), 0);
  v_contact.cs_credits := coalesce(
    hubspot_sync.parse_count(v_properties ->> 'cs_credits', 'cs_credits'), 0);
  v_contact.sjmini_credits := coalesce(
    hubspot_sync.parse_count(v_properties ->> 'sjmini_credits', 'sjmini_credits'), 0);
  v_contact.mock_discussion_token := coalesce(
    hubspot_sync.parse_count(v_properties ->> 'mock_discussion_token', 'mock_discussion_token'), 0);
  v_contact.shared_mock_credits := coalesce(
    hubspot_sync.parse_count(v_properties ->> 'shared_mock_credits', 'shared_mock_credits'), 0);
  v_contact.created_at := hubspot_sync.parse_moment(p_record ->> 'createdAt', 'createdAt');
  return v_contact;
end;
$$;

comment on function hubspot_sync.parse_contact(jsonb) is
  'HubSpot''s record {id, properties, createdAt} as a row of hubspot_contact_credits, so that '
  'contact_properties tells its values in the one spelling we compare. Raises 22023 naming a '
  'property that cannot be read.';
revoke execute on function hubspot_sync.parse_contact(jsonb) from public, anon, authenticated;
