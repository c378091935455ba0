-- Finds a contact and its balances.
create or replace function api.get_contact_credits(
  p_student_id text default null,
  p_email text default null,
  p_id uuid default null,
  p_hubspot_id text default null
)
  returns api.contact_credits
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return hubspot_sync.contact_answer(
    hubspot_sync.find_contact(p_student_id, p_email, p_id, p_hubspot_id), null);
end;
$$;

comment on function api.get_contact_credits(text, text, uuid, text) is
  'A contact and its balances, by p_id, else p_hubspot_id, else p_student_id and p_email (case '
  'ignored); replayed is null. A student sees their own and may leave everything out. Raises '
  '22023 when none of these is given whole, MBCON when no contact matches, 42501 (not allowed).';
revoke execute on function api.get_contact_credits(text, text, uuid, text)
  from public, anon, authenticated;
grant execute on function api.get_contact_credits(text, text, uuid, text)
  to authenticated, service_role;
