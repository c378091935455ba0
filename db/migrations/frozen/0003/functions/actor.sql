-- The person behind the statement, for audit and ledger.
--
-- Inside a definer function current_user is the owner, so it says nothing; «role» keeps what
-- PostgREST or the application switched to. A role is no person: it is the last thing written.
create or replace function hubspot_sync.actor()
  returns text
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_claims text := nullif(current_setting('request.jwt.claims', true), '');
  v_headers text := nullif(current_setting('request.headers', true), '');
  v_role text := current_setting('role');
  v_actor text;
begin
  if v_claims is not null then
    begin
      v_actor := coalesce(nullif(trim(v_claims::jsonb ->> 'email'), ''),
                          nullif(trim(v_claims::jsonb ->> 'sub'), ''));
    exception
      when invalid_text_representation or untranslatable_character
           or numeric_value_out_of_range or statement_too_complex then
        v_actor := null;  -- what cannot be read names nobody
    end;
  end if;
  -- An application that calls with the service key says for whom; nobody else is believed.
  if v_actor is null and v_headers is not null and v_role = 'service_role' then
    begin
      v_actor := nullif(left(trim(v_headers::jsonb ->> 'x-actor'), 500), '');
    exception
      when invalid_text_representation or untranslatable_character
           or numeric_value_out_of_range or statement_too_complex then
        v_actor := null;
    end;
  end if;
  return coalesce(
    v_actor,
    nullif(current_setting('hubspot_sync.actor', true), ''),
    nullif(v_role, 'none'),
    session_user
  );
end;
$$;

comment on function hubspot_sync.actor() is
  'Who acts: the JWT''s email or sub, else for service_role the request header x-actor, else the '
  'setting hubspot_sync.actor, else the role switched to, else the session''s user.';
revoke execute on function hubspot_sync.actor() from public, anon, authenticated;
