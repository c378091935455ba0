-- Makes a student known, or brings what is known up to date: a student who has just paid can
-- book at once, before HubSpot has said anything about them.
--
-- Identities are claimed one at a time (an advisory lock), because no unique index can say that
-- two spellings of an email are one person while old data holds such pairs.
create or replace function api.upsert_contact(
  p_student_id text default null,
  p_email text default null,
  p_firstname text default null,
  p_lastname text default null,
  p_hubspot_id text default null,
  p_sj_credits integer default null,
  p_cs_credits integer default null,
  p_sjmini_credits integer default null,
  p_mock_discussion_token integer default null,
  p_shared_mock_credits integer default null
)
  returns api.contact_credits
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_student_id text := nullif(trim(p_student_id), '');
  v_email text := nullif(trim(p_email), '');
  v_hubspot_id text := nullif(trim(p_hubspot_id), '');
  v_by_id hubspot_sync.hubspot_contact_credits;
  v_contact hubspot_sync.hubspot_contact_credits;
begin
  perform hubspot_sync.require_administrator();
  perform hubspot_sync.require_read_committed();
  perform hubspot_sync.require_short(
    p_student_id, p_email, p_firstname, p_lastname, p_hubspot_id);
  if v_student_id is null or v_student_id !~ '[^[:space:]]' or v_email is null
     or v_email !~ '^[^@[:space:]]+@[^@[:space:]]+$' then
    raise exception 'p_student_id is missing, or p_email is no email'
      using errcode = '22023', hint = 'Give p_student_id and p_email: both make a person.';
  end if;
  if least(p_sj_credits, p_cs_credits, p_sjmini_credits, p_mock_discussion_token,
           p_shared_mock_credits) < 0
     or greatest(p_sj_credits, p_cs_credits, p_sjmini_credits, p_mock_discussion_token,
                 p_shared_mock_credits) > 10000 then
    raise exception 'a balance is not between 0 and 10000'
      using errcode = '22023', hint = 'Leave out what the contact does not have.';
  end if;

  perform hubspot_sync.claim_identity(v_student_id, v_email);
  perform from hubspot_sync.hubspot_contact_credits c
    where c.hubspot_id = v_hubspot_id
       or c.student_id = v_student_id and lower(c.email) = lower(v_email)
    order by c.id
      for no key update;
  select c.* into v_by_id
    from hubspot_sync.hubspot_contact_credits c
   where c.hubspot_id = v_hubspot_id;
  select c.* into v_contact
    from hubspot_sync.hubspot_contact_credits c
   where c.student_id = v_student_id
     and lower(c.email) = lower(v_email)
   order by c.created_at, c.id
   limit 1;
  if v_contact.merged_into is not null then
    -- HubSpot made one of two: the other is who is meant, and keeps its names.
    return hubspot_sync.contact_answer(hubspot_sync.kept_contact(v_contact.id), true);
  end if;
  if v_contact.id <> v_by_id.id or v_contact.hubspot_id <> v_hubspot_id then
    raise exception 'student % and HubSpot id % are two contacts', v_student_id, v_hubspot_id
      using errcode = 'MBIDC',
            detail = format('contact %s has this student id and email', v_contact.id),
            hint = 'Merge them in HubSpot, or leave p_hubspot_id out.';
  end if;
  if v_contact.id is null then
    v_contact := v_by_id;
  end if;

  if v_contact.id is null then
    insert into hubspot_sync.hubspot_contact_credits as c
      (hubspot_id, student_id, email, firstname, lastname, sj_credits, cs_credits,
       sjmini_credits, mock_discussion_token, shared_mock_credits, created_at, updated_at)
    values
      (v_hubspot_id, v_student_id, v_email, nullif(trim(p_firstname), ''),
       nullif(trim(p_lastname), ''), coalesce(p_sj_credits, 0), coalesce(p_cs_credits, 0),
       coalesce(p_sjmini_credits, 0), coalesce(p_mock_discussion_token, 0),
       coalesce(p_shared_mock_credits, 0), v_now, v_now)
    returning c.* into v_contact;
    return hubspot_sync.contact_answer(v_contact, false);
  end if;
  update hubspot_sync.hubspot_contact_credits c
     set hubspot_id = coalesce(c.hubspot_id, v_hubspot_id),
         student_id = v_student_id,
         email = case when lower(c.email) = lower(v_email) then c.email else v_email end,
         firstname = coalesce(nullif(trim(p_firstname), ''), c.firstname),
         lastname = coalesce(nullif(trim(p_lastname), ''), c.lastname),
         updated_at = v_now
   where c.id = v_contact.id
  returning c.* into v_contact;
  return hubspot_sync.contact_answer(v_contact, true);
exception
  when unique_violation then
    raise exception 'another contact has student id % with this email, or HubSpot id %',
      v_student_id, coalesce(v_hubspot_id, 'null')
      using errcode = 'MBIDC', hint = 'Merge them in HubSpot, or leave p_hubspot_id out.';
  when lock_not_available or deadlock_detected then
    raise exception 'contact % is busy', v_student_id
      using errcode = 'MBBSY', hint = 'Send the same request again.';
end;
$$;

comment on function api.upsert_contact(
  text, text, text, text, text, integer, integer, integer, integer, integer
) is
  'Makes a contact, or brings its names, and where p_hubspot_id finds it its student id and '
  'email, up to date; what is left out stays. The balances (0 to 10,000) are those of a contact '
  'that is not here yet; of a known one (replayed = true) they are left alone: see '
  'api.grant_credits. A changed email or name reaches the contact''s bookings in the same '
  'transaction. Raises 22023 (argument missing or out of bounds), MBIDC (the ids belong to two '
  'contacts), MBBSY (try again), MBISO (isolation level), 42501 (not allowed).';
revoke execute on function api.upsert_contact(
  text, text, text, text, text, integer, integer, integer, integer, integer
) from public, anon, authenticated;
grant execute on function api.upsert_contact(
  text, text, text, text, text, integer, integer, integer, integer, integer
) to authenticated, service_role;
