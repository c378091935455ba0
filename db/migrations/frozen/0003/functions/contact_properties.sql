-- What HubSpot should hold of a contact: who it is, and the balances, which are ours.
create or replace function hubspot_sync.contact_properties(
  p_contact hubspot_sync.hubspot_contact_credits,
  p_than hubspot_sync.hubspot_contact_credits default null
)
  returns jsonb
  language plpgsql
  immutable
  set search_path = ''
as $$
declare
  v_all boolean := p_than.id is null;
begin
  return jsonb_strip_nulls(jsonb_build_object(
    'student_id', case when v_all or p_contact.student_id is distinct from p_than.student_id
      then p_contact.student_id end,
    'email', case when v_all or p_contact.email is distinct from p_than.email
      then p_contact.email end,
    'firstname', case when v_all or p_contact.firstname is distinct from p_than.firstname
      then coalesce(p_contact.firstname, '') end,
    'lastname', case when v_all or p_contact.lastname is distinct from p_than.lastname
      then coalesce(p_contact.lastname, '') end,
    'sj_credits', case when v_all or p_contact.sj_credits <> p_than.sj_credits
      then p_contact.sj_credits::text end,
    'cs_credits', case when v_all or p_contact.cs_credits <> p_than.cs_credits
      then p_contact.cs_credits::text end,
    'sjmini_credits', case when v_all or p_contact.sjmini_credits <> p_than.sjmini_credits
      then p_contact.sjmini_credits::text end,
    'mock_discussion_token',
    case when v_all or p_contact.mock_discussion_token <> p_than.mock_discussion_token
      then p_contact.mock_discussion_token::text end,
    'shared_mock_credits',
    case when v_all or p_contact.shared_mock_credits <> p_than.shared_mock_credits
      then p_contact.shared_mock_credits::text end));
end;
$$;

comment on function hubspot_sync.contact_properties(
  hubspot_sync.hubspot_contact_credits, hubspot_sync.hubspot_contact_credits
) is
  'A contact''s HubSpot properties as texts; with p_than only those that differ from its.';
revoke execute on function hubspot_sync.contact_properties(
  hubspot_sync.hubspot_contact_credits, hubspot_sync.hubspot_contact_credits
) from public;
