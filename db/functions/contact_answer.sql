-- A contact's row as the answer of a function of api.
create or replace function hubspot_sync.contact_answer(
  p_contact hubspot_sync.hubspot_contact_credits,
  p_replayed boolean
)
  returns api.contact_credits
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_credits api.contact_credits;
begin
  v_credits.id := p_contact.id;
  v_credits.hubspot_id := p_contact.hubspot_id;
  v_credits.student_id := p_contact.student_id;
  v_credits.email := p_contact.email;
  v_credits.firstname := p_contact.firstname;
  v_credits.lastname := p_contact.lastname;
  v_credits.sj_credits := p_contact.sj_credits;
  v_credits.cs_credits := p_contact.cs_credits;
  v_credits.sjmini_credits := p_contact.sjmini_credits;
  v_credits.mock_discussion_token := p_contact.mock_discussion_token;
  v_credits.shared_mock_credits := p_contact.shared_mock_credits;
  v_credits.replayed := p_replayed;
  return v_credits;
end;
$$;

comment on function hubspot_sync.contact_answer(hubspot_sync.hubspot_contact_credits, boolean) is
  'An api.contact_credits made from a row of hubspot_contact_credits.';
revoke execute on function hubspot_sync.contact_answer(
  hubspot_sync.hubspot_contact_credits, boolean
) from public, anon, authenticated;
