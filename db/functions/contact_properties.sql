-- What HubSpot should hold of a contact: who it is, and the balances, which are ours.
create or replace function hubspot_sync.contact_properties(
  p_contact hubspot_sync.hubspot_contact_credits
)
  returns jsonb
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
      'student_id', p_contact.student_id,
      'email', p_contact.email,
      'firstname', coalesce(p_contact.firstname, ''),
      'lastname', coalesce(p_contact.lastname, ''),
      'sj_credits', p_contact.sj_credits::text,
      'cs_credits', p_contact.cs_credits::text,
      'sjmini_credits', p_contact.sjmini_credits::text,
      'mock_discussion_token', p_contact.mock_discussion_token::text,
      'shared_mock_credits', p_contact.shared_mock_credits::text);
end;
$$;

comment on function hubspot_sync.contact_properties(hubspot_sync.hubspot_contact_credits) is
  'A contact''s HubSpot properties as texts.';
revoke execute on function hubspot_sync.contact_properties(hubspot_sync.hubspot_contact_credits)
  from public, anon, authenticated;
