-- Which balance pays: the type's own before a shared one.
create or replace function hubspot_sync.choose_credit(
  p_contact hubspot_sync.hubspot_contact_credits,
  p_credit text,
  p_shared boolean
)
  returns text
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when 0 < case p_credit
               when 'sj_credits' then p_contact.sj_credits
               when 'cs_credits' then p_contact.cs_credits
               when 'sjmini_credits' then p_contact.sjmini_credits
               when 'mock_discussion_token' then p_contact.mock_discussion_token
             end then p_credit
    when p_shared and p_contact.shared_mock_credits > 0 then 'shared_mock_credits'
  end;
end;
$$;

comment on function hubspot_sync.choose_credit(
  hubspot_sync.hubspot_contact_credits, text, boolean
) is
  'The column of the contact''s balance that pays for a mock type whose row of credit_types has '
  'p_credit and p_shared; null when none does.';
revoke execute on function hubspot_sync.choose_credit(
  hubspot_sync.hubspot_contact_credits, text, boolean
) from public, anon, authenticated;
