-- Tells whether a contact can pay for a mock type, and from what.
create or replace function api.check_credits(
  p_mock_type text default null,
  p_student_id text default null,
  p_email text default null,
  p_id uuid default null
)
  returns api.credit_check
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_contact hubspot_sync.hubspot_contact_credits;
  v_type hubspot_sync.credit_types;
  v_check api.credit_check;
begin
  v_contact := hubspot_sync.find_contact(p_student_id, p_email, p_id, null);
  v_type := hubspot_sync.find_mock_type(p_mock_type);
  v_check.contact_id := v_contact.id;
  v_check.student_id := v_contact.student_id;
  v_check.mock_type := v_type.mock_type;
  v_check.specific := (to_jsonb(v_contact) ->> v_type.credit)::integer;
  v_check.shared := case when v_type.shared then v_contact.shared_mock_credits else 0 end;
  v_check.available := least(v_check.specific::bigint + v_check.shared, 2147483647)::integer;
  v_check.can_book := v_check.available > 0;
  v_check.token_name := case hubspot_sync.choose_credit(v_contact, v_type.credit, v_type.shared)
    when 'shared_mock_credits' then 'Shared Token'
    when v_type.credit then v_type.token_name
  end;
  return v_check;
end;
$$;

comment on function api.check_credits(text, text, text, uuid) is
  'What a contact (p_id, else p_student_id and p_email; a student may leave both out) has to '
  'pay for a mock type: specific, shared (0 where shared credits do not pay), available (their '
  'sum), can_book, and token_name: what a booking would spend now. Raises 22023 (argument '
  'missing, or no such mock type), MBCON (no such contact), 42501 (not allowed).';
revoke execute on function api.check_credits(text, text, text, uuid)
  from public, anon, authenticated;
grant execute on function api.check_credits(text, text, text, uuid) to authenticated, service_role;
