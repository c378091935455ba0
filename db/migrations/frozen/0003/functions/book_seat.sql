-- Books one seat and spends one credit: the work behind api.create_booking, and the decision.
--
-- The contact's lock makes requests of one student queue. The counter is raised by the trigger
-- on bookings as the last write of the insert; from then on its row is ours and it decides. A
-- key that is known already makes the insert fail and its answer be replayed, and every refusal
-- looks at the key first.
create or replace function hubspot_sync.book_seat(
  p_exam hubspot_sync.bookable_exam,
  p_student_id text,
  p_email text,
  p_key text,
  p_request jsonb,
  p_student_name text,
  p_attending_location text,
  p_dominant_hand text
)
  returns api.booking
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_contact hubspot_sync.hubspot_contact_credits;
  v_found record;
  v_credit text;
  v_answer api.booking;
  v_seats record;
  v_constraint text;
  v_duplicate text;
begin
  <<attempt>>
  loop
    v_constraint := null;
    begin
      -- Old bookings that are exempt from the unique rules are not in their indexes.
      select c as contact, exists (select
                          from hubspot_sync.hubspot_bookings b
                         where b.student_id = c.student_id
                           and b.exempt
                           and b.is_active = 'Active') as has_exempt
        into v_found
        from hubspot_sync.hubspot_contact_credits c
       where c.student_id = trim(p_student_id)
         and lower(c.email) = lower(trim(p_email))
       order by c.created_at, c.id
       limit 1
         for no key update;
      v_contact := v_found.contact;
      if v_contact.merged_into is not null then
        v_contact := hubspot_sync.kept_contact(v_contact.id);
        v_found.has_exempt := true;  -- the other's bookings were not looked at
      end if;
      v_credit := hubspot_sync.choose_credit(v_contact, p_exam.credit, p_exam.shared);
      exit attempt when v_credit is null
        or v_found.has_exempt
           and hubspot_sync.find_duplicate(v_contact.student_id, p_exam, null) is not null;

      v_answer.id := gen_random_uuid();
      v_answer.booking_id := hubspot_sync.new_booking_id();
      v_answer.is_active := 'Active';
      v_answer.mock_exam_id := p_exam.hubspot_id;
      v_answer.mock_type := p_exam.mock_type;
      v_answer.exam_date := p_exam.exam_date;
      v_answer.student_id := v_contact.student_id;
      v_answer.student_name := coalesce(nullif(trim(p_student_name), ''),
        nullif(concat_ws(' ', v_contact.firstname, v_contact.lastname), ''));
      v_answer.student_email := v_contact.email;
      v_answer.token_used := case v_credit
        when 'shared_mock_credits' then 'Shared Token' else p_exam.token_name end;
      v_answer.attending_location := p_attending_location;
      v_answer.dominant_hand := p_dominant_hand;
      v_answer.created_at := hubspot_sync.clock();
      v_answer.replayed := false;

      perform hubspot_sync.change_credit(v_contact.id, v_credit, -1, 'booking', v_answer.id);
      insert into hubspot_sync.hubspot_bookings
        (id, booking_id, mock_exam_id, contact_id, exam, contact, student_id, student_name,
         student_email, mock_type, exam_date, is_active, attending_location, dominant_hand,
         token_used, idempotency_key, idempotency_request, idempotency_result, created_at,
         updated_at)
      values
        (v_answer.id, v_answer.booking_id, p_exam.hubspot_id, v_contact.hubspot_id, p_exam.id,
         v_contact.id, v_contact.student_id, v_answer.student_name, v_contact.email,
         p_exam.mock_type, p_exam.exam_date, 'Active', p_attending_location, p_dominant_hand,
         v_answer.token_used, p_key, p_request,
         case when p_key is not null then to_jsonb(v_answer) end, v_answer.created_at,
         v_answer.created_at);

      -- The counter's row is ours until the end of the transaction: now it decides.
      select s.taken, s.capacity, s.is_open,
             (e.mock_type, e.exam_date, e.starts_at)
               is not distinct from (p_exam.mock_type, p_exam.exam_date, p_exam.starts_at)
               as unchanged
        into v_seats
        from hubspot_sync.exam_seats s
        join hubspot_sync.hubspot_mock_exams e on e.id = s.exam
       where s.exam = p_exam.id;
      if v_seats.taken > v_seats.capacity then
        raise exception 'mock exam % is full', p_exam.hubspot_id
          using errcode = 'MBFUL',
                detail = format('%s of %s seats are taken', v_seats.taken - 1, v_seats.capacity),
                hint = 'Choose another session.';
      elsif not v_seats.is_open then
        raise exception 'mock exam % is not open for booking', p_exam.hubspot_id
          using errcode = 'MBINA', hint = 'Choose another session.';
      elsif not v_seats.unchanged then
        raise exception 'mock exam % was moved while it was being booked', p_exam.hubspot_id
          using errcode = 'MBBSY', hint = 'Look at its new date, then try again.';
      end if;
      return v_answer;
    exception
      when unique_violation then
        get stacked diagnostics v_constraint = constraint_name;
        if v_constraint = 'hubspot_bookings_idempotency_key_key' then
          v_answer := hubspot_sync.replay_booking(p_key, p_request);
          if v_answer.id is not null then
            return v_answer;
          end if;
          -- Its booking is gone again: the key is free, and we book.
        elsif v_constraint in ('bookings_one_active_per_exam', 'bookings_one_active_per_day') then
          exit attempt;
        elsif v_constraint <> 'bookings_booking_id' then
          raise;
        end if;
      when lock_not_available or deadlock_detected then
        raise exception 'mock exam % is busy', p_exam.hubspot_id
          using errcode = 'MBBSY', hint = 'Send the same request again.';
    end;
  end loop;

  if p_key is not null then
    v_answer := hubspot_sync.replay_booking(p_key, p_request);
    if v_answer.id is not null then
      return v_answer;
    end if;
  end if;
  if v_contact.id is null then
    raise exception 'no contact has student id % with this email', p_student_id
      using errcode = 'MBCON',
            hint = 'Check both; a student who has just paid may not be here yet.';
  end if;
  -- A second booking of the same is told so, also when there is no credit for it.
  v_duplicate := hubspot_sync.find_duplicate(v_contact.student_id, p_exam, null);
  if v_constraint is not null or v_duplicate is not null then
    raise exception 'student % is booked for mock exam %, or for this type that day',
      p_student_id, p_exam.hubspot_id
      using errcode = 'MBDUP',
            detail = format('the booking is %s', coalesce(v_duplicate, 'gone again')),
            hint = 'Cancel that booking first.';
  end if;
  raise exception 'student % has no credit for %', p_student_id, p_exam.mock_type
    using errcode = 'MBCRD',
          detail = case when p_exam.shared
            then format('%s and shared_mock_credits are 0', p_exam.credit)
            else format('%s is 0; shared credits do not pay for this type', p_exam.credit) end,
          hint = 'Buy a credit, or have one granted.';
end;
$$;

comment on function hubspot_sync.book_seat(
  hubspot_sync.bookable_exam, text, text, text, jsonb, text, text, text
) is
  'The work of api.create_booking, after its look. Raises MBCON, MBCRD, MBDUP, MBFUL, MBINA, '
  'MBKEY, MBBSY.';
revoke execute on function hubspot_sync.book_seat(
  hubspot_sync.bookable_exam, text, text, text, jsonb, text, text, text
) from public, anon, authenticated;
