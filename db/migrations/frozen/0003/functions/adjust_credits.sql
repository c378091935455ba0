-- Corrects a contact's balance, up or down, with a reason, once per idempotency key.
create or replace function api.adjust_credits(
  p_student_id text default null,
  p_email text default null,
  p_credit text default null,
  p_delta integer default null,
  p_reason text default null,
  p_idempotency_key text default null,
  p_id uuid default null
)
  returns api.contact_credits
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_contact hubspot_sync.hubspot_contact_credits;
begin
  perform hubspot_sync.require_administrator();
  perform hubspot_sync.require_read_committed();
  if p_delta is null or p_delta = 0 or abs(p_delta::bigint) > 10000 then
    raise exception 'delta % is 0, missing or beyond 10000', coalesce(p_delta::text, 'null')
      using errcode = '22023', hint = 'Give how much to add, or with a minus to take away.';
  end if;
  v_contact := hubspot_sync.find_contact(p_student_id, p_email, p_id, null);
  return hubspot_sync.post_credit(
    v_contact.id, p_credit, p_delta, 'adjustment', p_reason, p_idempotency_key);
end;
$$;

comment on function api.adjust_credits(text, text, text, integer, text, text, uuid) is
  'Corrects a balance of a contact (p_id, else p_student_id and p_email) by p_delta, -10,000 to '
  '10,000 but 0. p_credit: the balance''s name, as in api.contact_credits. p_reason: required; '
  'it stands in the ledger with the person. p_idempotency_key: optional; the same key with the '
  'same request answers the first result with replayed = true. Raises 22023 (argument missing '
  'or out of bounds), MBCON (no such contact), MBCRD (below 0), MBKEY (key of another request), '
  'MBBSY (try again), MBISO (isolation level), 42501 (not allowed).';
revoke execute on function api.adjust_credits(text, text, text, integer, text, text, uuid)
  from public, anon, authenticated;
grant execute on function api.adjust_credits(text, text, text, integer, text, text, uuid)
  to authenticated, service_role;
